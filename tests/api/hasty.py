"""The backend with short time limits: a second where it has ten or thirty."""

from ktrdr.api import connections
from ktrdr.api.main import app

connections.HEAD_S, connections.WINDOW_S, connections.LOOK_EVERY_S = 1.0, 1.5, 0.1  # type: ignore[misc]

__all__ = ["app"]
