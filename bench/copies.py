"""Copies of this working tree, for measurements and tests that must not change it."""

import shutil
import subprocess
from pathlib import Path

from bench.checkout import ROOT
from verify.contents import cache

CACHES = (".cache/contents", ".cache/layers")


def copy_tree(directory: Path) -> None:
    """Copy the files that git knows or would add, and the caches of images and layers that this reader wrote."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, directory / name)
    for kind in CACHES:
        here = Path(kind, cache.reader())
        if (ROOT / here).is_dir():
            shutil.copytree(ROOT / here, directory / here)
