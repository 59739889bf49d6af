"""The requests to a container's probes, and the reading of their one document. Nothing here touches an engine."""

import json
import re
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from deploy.contract import Contract, Image
from deploy.image_config import DEFAULT_SECONDS, ImageConfig
from verify.observe import containers
from verify.observe.model import ProbeResult
from verify.observe.settings import SHELL

PROBES = Path(__file__).parent.parent / "probes"
PROBE_SECONDS = 120.0
PART = re.compile(r"^from verify\.probes\.(\w+) import .*$", re.MULTILINE)
WATCH = "/run/watch"  # the beginning of the watch's directory in the server's container
HUNG_SECONDS = 30.0  # the most that a HEALTHCHECK gets at a server that never answers
DEEPEST = 64  # levels of nesting in a probe's document


def source(name: str) -> str:
    """Return a probe's source code; each part that it shares with others stands in place of its first import."""
    there: set[str] = set()

    def whole(part: str) -> str:
        if part in there:
            return ""
        there.add(part)
        return PART.sub(lambda found: whole(found[1]), (PROBES / f"{part}.py").read_text(encoding="utf-8"))

    return whole(name)


def watch(contract: Contract, image: Image) -> containers.Watch | None:
    """Return what records imports in the image's own server; None where it serves no API and may import anything.

    Its directory has a random name, so that no layer can hold notes there: a volume begins with the image's files.
    """
    if not contract.serves_api(image):
        return None
    files = {"sitecustomize.py": source("watch"), "heavy.json": json.dumps(contract.application.heavy)}
    return containers.Watch(f"{WATCH}-{secrets.token_hex(16)}", files)


def unhealthy_after(config: ImageConfig) -> float:
    """Return the seconds until the image's HEALTHCHECK reports a server that never answers, at most.

    An engine's defaults stand in for missing values (Dockerfile reference, HEALTHCHECK). 0 without a HEALTHCHECK.
    """
    if (declared := config.healthcheck) is None:
        return 0.0
    return declared.start_period + (declared.interval + declared.timeout) * declared.retries


def patience(config: ImageConfig) -> float:
    """Return the seconds after which the engine takes the image's HEALTHCHECK for failed, HUNG_SECONDS at most."""
    return min(config.healthcheck.timeout if config.healthcheck else DEFAULT_SECONDS, HUNG_SECONDS)


def request(probes: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Return the request to the runner: every probe with its argument, under a fresh nonce."""
    return {
        "nonce": secrets.token_hex(16),
        "probes": {
            name: {"source": source(name), "argument": argument, "seconds": seconds}
            for name, argument in probes.items()
        },
    }


def application_of(contract: Contract) -> dict[str, Any]:
    """Return the argument of the probe of the application."""
    return contract.application.model_dump(include={"module", "attribute", "health", "heavy"})


def application_request(contract: Contract, seconds: float, rest: float, skipped: Iterable[str]) -> dict[str, Any]:
    """Return the request to a container that asks the application alone, so many seconds after its start."""
    return request({"application": {**application_of(contract), "rest": rest, "skipped": list(skipped)}}, seconds)


def probe_request(
    contract: Contract,
    image: Image,
    healthcheck: Iterable[str],
    seconds: float = PROBE_SECONDS,
    *,
    shell: Iterable[str] = SHELL,
    patience: float = HUNG_SECONDS,
) -> dict[str, Any]:
    """Return the request to the probe container: every probe in a process of its own, under a fresh nonce.

    The image's HEALTHCHECK (its ``Test``, in its ``shell``) runs there too: without a server, and against stand-ins for
    one. Where a stand-in never answers, HEALTHCHECK gets ``patience`` seconds.
    """
    kind, *test = tuple(healthcheck) or ("NONE",)
    commands = {
        "CMD": test or ["true"],  # no words run nothing, and so never fail
        "CMD-SHELL": [*shell, " ".join(test)],
    }
    application = application_of(contract)
    probes: dict[str, Any] = {"environment": None, "pytorch": image.worker_types, "application": application}
    probes["commands"] = contract.application.commands
    if kind in commands:
        probes["healthcheck"] = {"command": commands[kind], "address": image.health, "seconds": patience}
    return request(probes, seconds)


def read_document(
    printed: containers.Output, asked: dict[str, Any], *, late: float | None = None
) -> tuple[dict[str, ProbeResult] | None, str]:
    """Read the runner's one document; returns the results, or None and why they cannot be believed.

    ``late``: the deadline that it was stopped at, in seconds.
    """
    if printed.flooded:
        return None, f"it printed more than {containers.OUTPUT_AT_MOST:,} bytes and was stopped"
    if late is not None:
        return None, f"it did not end within {late:.0f} s and was stopped"
    if not printed.stdout.strip():
        return None, "it printed nothing where a JSON document was due"
    try:
        document = json.loads(printed.stdout.decode("utf-8"))
        check_writable(document)
    except (ValueError, RecursionError) as error:
        return None, f"what it printed is not one JSON document: {str(error)[:200]}"
    if not isinstance(document, dict) or document.get("schema") != 1:
        return None, "what it printed is no probe document"
    if document.get("nonce") != asked["nonce"]:
        return None, f"the document's nonce is {str(document.get('nonce'))[:40]!r}, not the one this run gave"
    try:
        results = {name: ProbeResult.model_validate(value) for name, value in document["results"].items()}
    except (KeyError, AttributeError, ValueError) as error:
        return None, f"the document is malformed: {str(error)[:400]}"
    if set(results) != set(asked["probes"]):
        return None, f"the document answers {sorted(results)}, not {sorted(asked['probes'])}"
    return results, ""


def check_writable(document: Any) -> None:
    """Raise ValueError for JSON that is no text in UTF-8, or deeper than anything that a probe reports."""
    json.dumps(document, ensure_ascii=False).encode("utf-8")
    level, depth = [document], 0
    while level:
        depth += 1
        if depth > DEEPEST:
            raise ValueError(f"nested more than {DEEPEST} levels deep")
        level = [child for value in level for child in _children(value)]


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
