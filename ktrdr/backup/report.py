"""What a backup holds, in words."""

from ktrdr.backup.archive import Contents
from ktrdr.model_files import METADATA


def said(contents: Contents) -> str:
    """Return the numbers of series and models, and the size."""
    series = sum("/" not in name for name in contents.files) - 1
    models = sum(name.startswith("models/") and name.endswith(f"/{METADATA}") for name in contents.files)
    size = sum(one.size for one in contents.files.values())
    return f"the database, {series} series and {models} models, {size / 1e6:.1f} MB"
