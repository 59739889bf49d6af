"""Secrets in files, such as those of compose and Swarm; the environment only names the file."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ktrdr.errors import SettingError

WORKERS: Final = "KTRDR_WORKER_SECRET_FILE"
CLIENTS: Final = "KTRDR_CLIENT_SECRET_FILE"
SHARED: Final = re.compile(r"[!-~]{16,200}")


def shared_secret(name: str, environment: Mapping[str, str]) -> str:
    """Return the shared secret in the file that a variable names, or nothing; SettingError names the next step."""
    file = environment.get(name)
    if not file:
        return ""
    secret = read_secret(name, file)
    if not SHARED.fullmatch(secret):
        raise SettingError(f"{name} is {file!r}, which holds no line of 16 to 200 letters, digits and signs: write one")
    return secret


def bearer(secret: str) -> dict[str, str]:
    """Return the header that carries a shared secret (RFC 6750); none for an empty one."""
    return {"Authorization": f"Bearer {secret}"} if secret else {}


def read_secret(name: str, file: str, what: str = "secret") -> str:
    """Return what a file holds; SettingError names the variable, the file and the next step."""
    try:
        # Editors end a file with a newline, which is not part of the secret.
        secret = Path(file).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise SettingError(f"{name} is {file!r}, which cannot be read: {reason}; mount the secret there") from None
    if not secret:
        raise SettingError(f"{name} is {file!r}, which is empty: write the {what} into it")
    return secret
