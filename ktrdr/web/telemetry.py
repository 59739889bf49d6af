"""Switches the web framework's own telemetry off: ktrdr has /metrics, and nothing collects telemetry."""

from typing import Final

from fastapi.telemetry import TelemetryConfig

NO_TELEMETRY: Final[TelemetryConfig] = {"tracing": False, "metrics": False, "logs": False}
