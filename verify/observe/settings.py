"""An image's configuration in a Dockerfile's words, one entry a setting, so that two can be compared."""

import json
import posixpath
from collections.abc import Mapping
from typing import Any

from verify.observe.disclosure import masked

SHELL = ("/bin/sh", "-c")  # the default shell (Dockerfile reference, SHELL)
NAMED = {"environment": "ENV", "labels": "LABEL"}
PLACES = {"ports": "EXPOSE", "volumes": "VOLUME", "on_build": "ONBUILD"}
SINGLE = {
    "user": "USER", "working_directory": "WORKDIR", "entrypoint": "ENTRYPOINT", "command": "CMD", "shell": "SHELL",
    "stop_signal": "STOPSIGNAL", "healthcheck": "HEALTHCHECK", "author": "MAINTAINER",
}  # fmt: skip
TERMINATE = ("TERM", "15")  # by name and number: what engines send where an image sets no stop signal


def settings_of(configured: Mapping[str, Any]) -> dict[str, str]:
    """Return keyword and name of each setting, with its value and the character before that; secrets are masked.

    ``configured`` has the keys of Subject; one that is missing raises KeyError.
    """
    tables = ((word, name, value) for key, word in NAMED.items() for name, value in configured[key].items())
    texts = {f"{word} {name}": f"={masked(name, value)}" for word, name, value in tables}
    texts |= {f"{word} {masked('', place)}": "" for key, word in PLACES.items() for place in configured[key]}
    for key, word in SINGLE.items():
        value = plain(key, configured[key] or "")
        text = value if isinstance(value, str) else json.dumps([masked("", part) for part in value])
        texts |= {word: f" {text}"} if value else {}
    return texts


def plain(key: str, value: Any) -> Any:
    """Return a setting without what makes no difference: a slash at a directory's end, a default written out."""
    if key == "working_directory" and value and ".." not in value:  # which a link before it decides
        return posixpath.normpath(value)
    if key == "stop_signal":
        return "" if value.upper().removeprefix("SIG") in TERMINATE else value
    return "" if key == "shell" and tuple(value) == SHELL else value
