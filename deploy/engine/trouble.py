"""Why an engine does not answer, in one word and with the next step."""

from typing import Literal

import requests.exceptions

from deploy.engine.endpoint import Endpoint
from deploy.errors import Problem

LOOKING = "looking for a Docker Engine"
Trouble = Literal["", "absent", "denied", "hung", "proxy", "other"]
NEXT_STEPS = {
    "absent": "start that engine, or unset the setting that names it and run ./noxw -s engine for a local one",
    "denied": "run as a member of the group docker (sudo usermod -aG docker $USER, then log in again) or as root",
    "hung": "see what the daemon is doing (its log: journalctl -u docker), and restart it if it hangs",
    "other": "see that the address and its certificates are right; `docker info` shows the docker command's view",
}
TUNNEL = "tunnel it: ssh -nNT -L /tmp/docker.sock:/var/run/docker.sock HOST, DOCKER_HOST=unix:///tmp/docker.sock"


def classify(error: BaseException) -> tuple[Trouble, str]:
    """Classify why an engine did not answer: nothing there, not allowed, no answer in time, or something else."""
    text = str(error)
    lowered = text.lower()
    if isinstance(error, requests.exceptions.ProxyError) or "proxyerror" in lowered:
        return "proxy", "the proxy of HTTP_PROXY was asked for it, and does not lead there"
    if "permission denied" in lowered:
        return "denied", "permission denied"
    if isinstance(error, requests.exceptions.ReadTimeout) or "read timed out" in lowered:
        return "hung", "it accepts connections and does not answer"
    signs = ("connection refused", "no such file", "timed out", "name or service not known", "no route to host")
    more = ("temporary failure in name resolution", "no address associated", "network is unreachable")
    for sign in (*signs, *more):
        if sign in lowered:
            return "absent", sign
    if any(sign in lowered for sign in ("connection aborted", "connection broken", "reset by peer", "broken pipe")):
        return "other", "it broke off the connection"
    return "other", text.splitlines()[0] if text else type(error).__name__


def unreachable(endpoint: Endpoint, trouble: Trouble, detail: str) -> Problem:
    """Return what is told of an engine that does not answer."""
    where = f"{endpoint.shown} ({endpoint.origin})"
    detail = "permission denied" if trouble == "denied" else detail.replace(endpoint.host, endpoint.shown)
    if trouble == "absent" and endpoint.is_default:
        next_step = "./noxw -s engine"
    elif trouble == "other" and "paramiko" in detail:
        next_step = TUNNEL
    elif trouble == "proxy":
        next_step = f"put the engine's host into NO_PROXY: export NO_PROXY=${{NO_PROXY:+$NO_PROXY,}}{endpoint.name}"
    else:
        next_step = NEXT_STEPS[trouble]
    wrong = f"nothing answers at {where}: {detail}" if trouble == "absent" else f"{where}: {detail}"
    return Problem(LOOKING, wrong, next_step)
