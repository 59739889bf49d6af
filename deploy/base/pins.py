"""What the images come from, pinned: registry images by digest, torch's injected wheels and Debian's packages.

``deploy/docker/pins.toml`` holds the pins, ``python -m deploy pin`` renews them. The Dockerfiles repeat the images'
digests, because plain `docker build` reads nothing else; a test compares them.
"""

import hashlib
import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from deploy.configuration import Strict
from deploy.dpkg_status import INSTALLED, records_in
from deploy.errors import Exit, Problem

SHOWN = 5  # packages that a message names

Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Pins(Strict):
    """The pins, each kind by name."""

    images: dict[str, Digest]  # reference with its tag -> digest of the manifest or index
    wheels: dict[str, Sha256]  # file name of a torch wheel -> SHA-256 of the file
    # Suite and architecture ("bookworm/amd64") -> package -> version
    packages: dict[str, dict[str, str]] = Field(default_factory=dict)

    def image(self, reference: str) -> str:
        """Return the reference with its digest; as it is where it is not pinned."""
        digest = self.images.get(reference)
        return f"{reference}@{digest}" if digest else reference


def read_pins(path: Path) -> Pins:
    """Read the pins.

    Raises:
        Problem: the file is not there, is no TOML, or holds something else than pins (exit 2).

    """
    doing, next_step = f"reading the pins {path}", "git restore it, or renew it: python -m deploy pin"
    try:
        return Pins.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise Problem(doing, error.strerror or str(error), next_step, Exit.USAGE) from error
    except ValueError as error:  # of TOML, of UTF-8, of the model
        wrong = str(error)
        if isinstance(error, ValidationError):
            wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise Problem(doing, wrong, next_step, Exit.USAGE) from error


def installed(status: str) -> dict[str, str]:
    """Return package -> version of a dpkg database's text, of the packages that are installed whole."""
    return {record.name: record.version for record in sorted(records_in(status)) if record.state == INSTALLED}


def digest_of(packages: dict[str, str]) -> str:
    """Return a digest over packages and their versions, hexadecimal."""
    return hashlib.sha256("".join(f"{name}={packages[name]}\n" for name in sorted(packages)).encode()).hexdigest()


def differences(found: dict[str, str], pinned: dict[str, str]) -> list[str]:
    """Return in words how packages differ from the pinned ones; nothing where they are the same."""
    none = "none"
    pairs = ((name, found.get(name, none), pinned.get(name, none)) for name in sorted({*found, *pinned}))
    return [f"{name} {has}, pinned {due}" for name, has, due in pairs if has != due]


def said(packages: list[str]) -> str:
    """Return what a build says of packages that are not the pinned ones; "" where all are."""
    if not packages:
        return ""
    more = f" and {len(packages) - SHOWN} more" if len(packages) > SHOWN else ""
    return f"not the pinned packages: {'; '.join(packages[:SHOWN])}{more}; python -m deploy pin renews the pins"


def text_of(pins: Pins) -> str:
    """Return the file's text."""
    lines = [
        "# What the images come from. `python -m deploy pin` renews images and packages. Wheels are added by hand: the",
        "# PyTorch project's index gives the SHA-256 of each file.",
        "",
        "# Digests of the index, which has an image for each platform. The Dockerfiles repeat them.",
        "[images]",
        *(f'"{name}" = "{digest}"' for name, digest in sorted(pins.images.items())),
        "",
        "# torch's wheels that a Dockerfile may inject; the lock itself holds the others.",
        "[wheels]",
        *(f'"{name}" = "{digest}"' for name, digest in sorted(pins.wheels.items())),
    ]
    for place, packages in sorted(pins.packages.items()):
        lines += ["", "# The packages of the bootstrapped base image.", f'[packages."{place}"]']
        lines += [f'"{name}" = "{version}"' for name, version in sorted(packages.items())]
    return "\n".join(lines) + "\n"
