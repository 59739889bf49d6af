"""Whether an image sets what the contract says, and beside that only what its base image set."""

import re
from collections.abc import Iterator

from deploy.configuration import HealthcheckDemand
from deploy.contract import DESCRIPTION_LABEL, REVISION_LABEL, ROLE_LABEL
from verify.judge.case import Case, Ruling, rule
from verify.observe.settings import settings_of

OF_A_BUILD = (ROLE_LABEL, DESCRIPTION_LABEL, REVISION_LABEL)  # not due, and no fault, where another built the image
SHOWN = 300  # characters of a setting
# Why a variable that is known is harmful. The contract alone decides whether it is allowed.
REASONS = {
    r"PYTHON(?:IOENCODING|UTF8)|LC_\w+|LANG\w*": "text may be read otherwise, or raise",
    r"LD_\w+|GLIBC_TUNABLES|GCONV_PATH|PYTHON[A-Z]+|BASH_ENV|ENV|ZDOTDIR": "it changes what programs load or read",
    r"SSLKEYLOGFILE": "the keys of every TLS connection are written to a file",
    r"OPENSSL_\w+|(?:SSL|CURL|GIT|REQUESTS|NODE)_\w*(?:CA|CERT|SSL)\w*": "certificates are checked otherwise",
    r"WEB_CONCURRENCY|FORWARDED_ALLOW_IPS|(?:UVICORN|GUNICORN)_\w+": "the server is another than the one examined",
    r"(?:TORCH|TRITON|CUDA|NV|NCCL|INTEL|OMP|ACC|KMP|PYTORCH)\w*": "libraries load code by it, or find other devices",
    r"KTRDR_\w+": "the deployment sets it, and no image",
}


def _reason(name: str) -> str:
    return next((f" ({why})" for known, why in REASONS.items() if re.fullmatch(rf"ENV (?:{known})", name)), "")


def _healthcheck(case: Case) -> HealthcheckDemand | None:
    return case.contract.configuration_of(case.image).healthcheck if case.image.healthcheck else None


def _allowed(case: Case) -> dict[str, str]:
    base, due, check = case.base, case.contract.configuration_of(case.image), _healthcheck(case)
    said = {label: text for label, text in case.subject.labels.items() if label in OF_A_BUILD}
    built = {REVISION_LABEL: case.record.source.revision} if case.image.built_here else said
    joined = {
        "environment": base.environment | due.environment,
        "labels": base.labels | due.labels | built,
        "ports": [*base.ports, *due.ports],
        "shell": due.shell or base.shell,
        "stop_signal": due.stop_signal or base.stop_signal,
        "author": base.author,
        "healthcheck": ["CMD", *check.command, case.image.health] if check else [],
    }
    return settings_of(due.model_dump() | joined)


def _differences(case: Case) -> Iterator[str]:
    seen, allowed = settings_of(case.subject.model_dump()), _allowed(case)
    for name in sorted({*seen, *allowed}):
        shown = f"{name}{seen.get(name, '')}"[:SHOWN]
        if name not in allowed:
            yield f"{shown} is neither the contract's nor the base's{_reason(name)}"
        elif name not in seen:
            yield f"no {name}{allowed[name]}"
        elif seen[name] != allowed[name]:
            yield f"{shown}, not {allowed[name][1:]}{_reason(name)}"
    check = _healthcheck(case)
    for name, due in (check.numbers if check and case.subject.has_healthcheck else {}).items():
        number = case.subject.healthcheck_numbers.get(name, 0.0)
        if not due.at_least <= number <= due.at_most:
            yield f"HEALTHCHECK --{name.replace('_', '-')}={number:g} is outside of {due.at_least:g} to {due.at_most:g}"


def configuration(case: Case) -> Ruling:
    """Every variable, command, port, label and the like is the contract's, or the base image's own."""
    faults = list(_differences(case))
    return rule(not faults, "what the contract says, and nothing else", "; ".join(faults) or "as the contract says")


RULINGS = {"configuration": configuration}
