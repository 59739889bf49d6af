"""``left-out.toml``: which files of a distribution no image keeps, and why they are not needed."""

import fnmatch
import posixpath
import re
import tomllib
from pathlib import Path
from typing import Annotated

from packaging.utils import canonicalize_name
from pydantic import Field, ValidationError

from deploy.allowed_files import Reason
from deploy.configuration import Strict
from deploy.errors import Exit, Problem


class LeftOut(Strict):
    """A pattern over the paths in a distribution's RECORD (fnmatch; ``*`` crosses directories), with the reason."""

    distribution: Annotated[str, Field(pattern=r"^\w+$")]  # as its .dist-info directory spells it
    path: Annotated[str, Field(pattern=r"^[^/].*$")]
    reason: Reason

    def pattern(self, name: str, site: str) -> re.Pattern[str] | None:
        """Return what matches absolute paths of a distribution (normalized name) in ``site``; None for another's."""
        if canonicalize_name(self.distribution) != name:
            return None
        return re.compile(fnmatch.translate(posixpath.join(site, self.path)))


class _File(Strict):
    left_out: list[LeftOut]


def read_left_out(path: Path) -> list[LeftOut]:
    """Read and validate the list.

    Raises:
        Problem: it cannot be read, or an entry is malformed (exit 2).

    """
    next_step = "correct the entry: distribution, path and reason"
    try:
        return _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).left_out
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        wrong = f"{'.'.join(map(str, first['loc']))}: {first['msg'].lower()}"
    except (OSError, ValueError) as error:
        wrong = str(error)
    raise Problem(f"reading {path.name}", wrong, next_step, Exit.USAGE)
