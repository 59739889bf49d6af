"""Further processes of the application, which show where it agrees with itself and the server answers otherwise."""

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from deploy.contract import Contract
from verify.observe.model import ProbeRun, ServerRun
from verify.observe.probe_reports import ApplicationReport, Published, disputed
from verify.observe.requests import application_request

AT_MOST = 6  # a set of two words has the same order in all of them, and in the first process, once in 64 times
REST = 1.0  # seconds after its start, more with every process: an answer may say for how long it runs


def repeats(
    contract: Contract,
    probes: ProbeRun | None,
    server: ServerRun | None,
    seconds: float,
    ask: Callable[[dict[str, Any], str], ProbeRun],
) -> list[ProbeRun]:
    """Let further processes be asked, one after the other, while the server answers otherwise than all of them.

    ``ask``: called with a request and a name. Parts that are missing or malformed lead to none: the judge finds them.
    """
    runs: list[ProbeRun] = []
    try:
        served = Published.model_validate(server.asked.report if server and server.asked else None)
        reports = [_application(probes)]
        while len(runs) < AT_MOST and any(map(served.answered, disputed(reports[0], served, reports[1:]))):
            request = application_request(contract, seconds, REST * len(runs), reports[0].lost)
            runs.append(ask(request, f"repeat-{len(runs)}"))
            reports.append(_application(runs[-1]))
    except ValidationError:
        pass
    return runs


def _application(run: ProbeRun | None) -> ApplicationReport:
    result = (run.results or {}).get("application") if run else None
    return ApplicationReport.model_validate(result.report if result else None)
