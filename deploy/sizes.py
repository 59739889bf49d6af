"""Bytes as people write them: in decimal units, because ``MiB`` and ``MB`` get confused."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator

UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9}
MOST = 10**12  # bytes: more is a slip


def parse_bytes(text: Any) -> int:
    """``"1.25 GB"`` as 1_250_000_000 bytes."""
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) (B|kB|MB|GB)", text) if isinstance(text, str) else None
    size = round(float(match[1]) * UNITS[match[2]]) if match else 0
    if size == 0:
        raise ValueError('write a size above zero as a number, a space and B, kB, MB or GB, for example "110 MB"')
    if size > MOST:
        raise ValueError('write "1000 GB" at most')
    return size


def megabytes(size: float, sign: str = "") -> str:
    """Return bytes as megabytes (10^6) with one decimal, as all texts show them; ``sign`` goes into the format."""
    return f"{size / UNITS['MB']:{sign},.1f}"


Bytes = Annotated[int, BeforeValidator(parse_bytes)]
