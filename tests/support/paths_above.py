"""What lies above the base image of a good case beside its distributions."""

import posixpath
from typing import Any

from deploy.allowed_files import Files

REQUIRERS = {"torch": ["ktrdr[ml]"], "numpy": ["pandas"], "pandas": ["ktrdr"]}  # by the lock
SOURCES = {"__init__.py": "d" * 64, "api/page/static/curve.js": "e" * 64}  # the application's files, with digests


def other(path: str, layer: int = 1, **values: Any) -> dict[str, Any]:
    """A path that no distribution accounts for."""
    return {"path": path, "kind": "file", "layer": layer, "bytes": 100, "top": posixpath.dirname(path), **values}


def above(files: Files, site: str) -> dict[str, Any]:
    """What every line of the contract names, the accounts, and the application."""
    named = [
        other(pattern.replace("*", "x"), kind=line.kind, target=line.target.replace("*", "x"))
        for pattern, line in files.items()
    ]
    return {
        "others": [other("/etc/group"), other("/etc/passwd"), *named],
        "application": {f"{site}/ktrdr": dict(SOURCES)},
        "packages": [],
    }


def package(name: str, layer: int = 2) -> dict[str, Any]:
    """An installed Debian package."""
    return {"name": name, "version": "1.0", "architecture": "amd64", "layer": layer, "licences": []}
