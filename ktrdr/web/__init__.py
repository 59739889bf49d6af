"""What the servers of the backend and of the workers share.

The web framework's own telemetry is switched off: ktrdr has /metrics, and nothing collects telemetry.
"""

from typing import Final

from fastapi.telemetry import TelemetryConfig

NO_TELEMETRY: Final[TelemetryConfig] = {"tracing": False, "metrics": False, "logs": False}
