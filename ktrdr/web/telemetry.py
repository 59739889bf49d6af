"""The web framework's own telemetry, switched off: ktrdr has /metrics, and nothing collects the other."""

from typing import Final

from fastapi.telemetry import TelemetryConfig

NO_TELEMETRY: Final[TelemetryConfig] = {"tracing": False, "metrics": False, "logs": False}
