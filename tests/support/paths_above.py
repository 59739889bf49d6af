"""What lies above the base image of a good case beside its distributions."""

import posixpath
from collections.abc import Iterable
from typing import Any

REQUIRERS = {"torch": ["ktrdr[ml]"], "numpy": ["pandas"], "pandas": ["ktrdr"]}  # by the lock
SOURCES = {"__init__.py": "d" * 64, "api/page/static/curve.js": "e" * 64}  # the application's files, with digests


def other(path: str, layer: int = 1, **values: Any) -> dict[str, Any]:
    """A path that no distribution accounts for."""
    return {"path": path, "kind": "file", "layer": layer, "bytes": 100, "top": posixpath.dirname(path), **values}


def above(patterns: Iterable[str], site: str) -> dict[str, Any]:
    """What every line of the contract names, the accounts, and the application."""
    paths = "/etc/group", "/etc/passwd", *(line.replace("*", "x") for line in patterns)
    return {
        "others": [other(path) for path in paths],
        "application": {f"{site}/ktrdr": dict(SOURCES)},
        "packages": [],
    }


def package(name: str, layer: int = 2) -> dict[str, Any]:
    """An installed Debian package."""
    return {"name": name, "version": "1.0", "architecture": "amd64", "layer": layer, "licences": []}
