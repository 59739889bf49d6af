"""Copies of this working tree, for whatever must not change it."""

import shutil
import subprocess
from pathlib import Path

from deploy.contract import ROOT
from verify.contents import cache

KEPT = (".cache/contents", ".cache/layers")


def copy_tree(directory: Path) -> None:
    """Copy what git knows or would add, as it is now, and what is kept of images and layers by this tree's reader."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, directory / name)
    for kind in KEPT:
        here = Path(kind, cache.reader())
        if (ROOT / here).is_dir():
            shutil.copytree(ROOT / here, directory / here)
