"""An image's configuration in a Dockerfile's words, one entry a setting, so that two can be compared."""

import json
from collections.abc import Mapping
from typing import Any

from verify.observe.disclosure import masked

NAMED = {"environment": "ENV", "labels": "LABEL"}
PLACES = {"ports": "EXPOSE", "volumes": "VOLUME", "on_build": "ONBUILD"}
SINGLE = {
    "user": "USER", "working_directory": "WORKDIR", "entrypoint": "ENTRYPOINT", "command": "CMD", "shell": "SHELL",
    "stop_signal": "STOPSIGNAL", "healthcheck": "HEALTHCHECK",
}  # fmt: skip


def settings_of(configured: Mapping[str, Any]) -> dict[str, str]:
    """Return keyword and name of each setting, with its value and the character before that; secrets are masked.

    ``configured`` has the keys of Subject; one that is missing raises KeyError.
    """
    tables = ((word, name, value) for key, word in NAMED.items() for name, value in configured[key].items())
    texts = {f"{word} {name}": f"={masked(name, value)}" for word, name, value in tables}
    texts |= {f"{word} {masked('', place)}": "" for key, word in PLACES.items() for place in configured[key]}
    for key, word in SINGLE.items():
        value = configured[key] or ""
        text = value if isinstance(value, str) else json.dumps([masked("", part) for part in value])
        texts |= {word: f" {text}"} if value else {}
    return texts
