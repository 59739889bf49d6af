"""The package database's text (dpkg(1), the status file): which Debian packages a system has, and in which state.

Why not python-debian: a dependency for one text in the form of mail headers, which the standard library reads.
"""

import re
from email.parser import HeaderParser
from typing import NamedTuple

INSTALLED = "installed"


class Record(NamedTuple):
    """What the status file says of a package. ``state``: the last word of its status."""

    name: str
    version: str
    architecture: str
    state: str


def records_in(text: str) -> set[Record]:
    """Return what a status file says of each package in it; a paragraph without a name is none."""
    headers = (HeaderParser().parsestr(paragraph) for paragraph in re.split(r"\n\n+", text.strip()))
    found = {Record(*(one.get(key, "") for key in ("Package", "Version", "Architecture", "Status"))) for one in headers}
    return {record._replace(state="".join(record.state.split()[-1:])) for record in found if record.name}
