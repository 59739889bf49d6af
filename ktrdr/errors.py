"""Failures that a caller can act on, each with the HTTP status and the code that clients see."""

from typing import Any


class KtrdrError(Exception):
    """Something a caller can mend: `code` for programs, the message for people, `details` as JSON."""

    status = 500

    def __init__(self, code: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details or {}


class SettingError(ValueError):
    """An environment variable that cannot be followed; the message names it, its value and the mend."""


class BadRequestError(KtrdrError):
    """Well-formed, but asks for what cannot be."""

    status = 400


class NotFoundError(KtrdrError):
    """Names something that does not exist."""

    status = 404


class ConflictError(KtrdrError):
    """Possible, but not in the present state."""

    status = 409


class InvalidError(KtrdrError):
    """The content itself is wrong."""

    status = 422


class TooManyError(KtrdrError):
    """As many as there may be are there already."""

    status = 429


class UnavailableError(KtrdrError):
    """Nothing wrong with the request: what it needs is not there at the moment."""

    status = 503
