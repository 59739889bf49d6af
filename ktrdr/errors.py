"""Errors that a caller can act on, each with the HTTP status and the code for clients."""

from typing import Any, Final

WORKER_SHUTDOWN: Final = "worker_shutdown"
"""The code of an operation whose worker was told to end."""


class KtrdrError(Exception):
    """An error that the caller can correct: `code` for programs, the message for people, `details` as JSON."""

    status = 500

    def __init__(self, code: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details or {}


class SettingError(ValueError):
    """An invalid environment variable; the message names it, its value and the next step."""


class BadRequestError(KtrdrError):
    """The request is well-formed but cannot be fulfilled."""

    status = 400


class NotFoundError(KtrdrError):
    """The request names something that does not exist."""

    status = 404


class ConflictError(KtrdrError):
    """The request does not fit the present state."""

    status = 409


class InvalidError(KtrdrError):
    """The content is invalid."""

    status = 422


class TooManyError(KtrdrError):
    """The limit has been reached."""

    status = 429


class UnavailableError(KtrdrError):
    """The request is valid, but a service that it needs is unavailable at the moment."""

    status = 503
