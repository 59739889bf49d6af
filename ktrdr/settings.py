"""What the environment decides for the API."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

SHIPPED_STRATEGIES = Path(__file__).parent / "strategies"


@dataclass(frozen=True)
class Settings:
    """Where the backend keeps what it stores; the only directory it writes to."""

    data_dir: Path
    database_url: str

    @property
    def database_path(self) -> Path:
        """The SQLite file named by the database URL; ValueError for a URL of another kind."""
        prefix = "sqlite:///"
        if not self.database_url.startswith(prefix):
            scheme = self.database_url.partition(":")[0]
            msg = f"KTRDR_DATABASE_URL: {scheme!r} is not supported; use sqlite:///path/to/ktrdr.db"
            raise ValueError(msg)
        return Path(self.database_url.removeprefix(prefix))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Read KTRDR_DATA_DIR (default ./data) and KTRDR_DATABASE_URL (default ktrdr.db in it)."""
        data_dir = Path(environment.get("KTRDR_DATA_DIR") or "data")
        url = environment.get("KTRDR_DATABASE_URL") or f"sqlite:///{data_dir / 'ktrdr.db'}"
        return cls(data_dir=data_dir, database_url=url)


@lru_cache(maxsize=1)
def version() -> str:
    """Return the version of the installed distribution, or "0+unknown" where ktrdr runs from a bare source tree."""
    from importlib import metadata  # noqa: PLC0415  the health check and the CLI start faster without it

    try:
        return metadata.version("ktrdr")
    except metadata.PackageNotFoundError:
        return "0+unknown"
