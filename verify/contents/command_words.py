"""The words of an image's commands, and which files they may name."""

import re
from collections.abc import Iterable

from deploy.image_config import ImageConfig

SHELL = ("/bin/sh", "-c")  # the default shell (Dockerfile reference, SHELL)
QUOTES = re.compile(r"[\"'\\]")
APART = re.compile(r"[\s;&|()<>`]+")  # where a shell's words end
WITHIN = re.compile(r"[=:,]")  # where a path may begin or end within a word
PYTHON = re.compile(r"python[\d.]*")


def healthcheck_words(test: Iterable[str], shell: Iterable[str] = ()) -> list[str]:
    """Return the command of a HEALTHCHECK's ``Test``; nothing where there is none."""
    kind, *words = tuple(test) or ("NONE",)
    return {"CMD": words, "CMD-SHELL": [*(shell or SHELL), *words]}.get(kind, [])


def written(command: Iterable[str]) -> list[str]:
    """Return a command's words without quotes; a word that is a shell's whole command gives the words in it."""
    return [piece for word in command for piece in APART.split(QUOTES.sub("", word)) if piece]


def names(config: ImageConfig) -> set[str]:
    """Return the texts in an image's commands that may name a file: words, and parts of `--option=PATH`."""
    healthcheck = healthcheck_words(config.healthcheck_test, config.shell)
    words = written([*config.entrypoint, *config.command, *healthcheck])
    return {part for word in words for part in (word, *WITHIN.split(word)) if part}
