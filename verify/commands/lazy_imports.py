"""``lazy-imports``: the lazy-import specification on the checkout, without Docker; the same probe, the same rulings."""

import http.client
import json
import re
import shlex
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.text import Text

from deploy.contract import Contract
from deploy.engine import processes
from deploy.errors import Exit
from deploy.progress import STYLES
from deploy.project import Project
from verify.judge import judge
from verify.judge.case import Case, NotSeen, Ruling, finding_of, rule
from verify.judge.checks import CHECKS, Check
from verify.judge.rulings.application import has_status
from verify.judge.verdict import Finding, outcome_of
from verify.observe.containers import Output
from verify.observe.model import Observation, ProbeRun, Proof, Subject
from verify.observe.requests import probe_request, read_document, source

SECONDS = 120.0  # a probe's deadline
ENDING_SECONDS = 20.0  # for the runner to end what it started
POLITE_SECONDS, KILLED_SECONDS = 5.0, 5.0  # from SIGTERM to SIGKILL, and after that
SERVER_SECONDS = 5.0
# What needs no image
APPLIED = [name for name in CHECKS if name.startswith(("api-", "lazy-")) and name != "lazy-server"]
RUNNING = Check(
    "running-server",
    "a running API answers its health check with `status`",
    "ENVIRONMENT",
    "Docker not running or API crashed: see its log",
)


def lazy_imports(project: Project, console: Console, environ: Mapping[str, str]) -> Exit:
    """Examine the checkout's API and, where one answers, a running server; print each check, return the exit code."""
    contract, root = project.contract, project.root
    case = _case(contract, _probe(contract, environ, root))
    found = _baseline(case)
    console.print(Text(f"BASELINE  torch in this environment: {found}"), soft_wrap=True)
    findings = [judge.finding(case, CHECKS[name]) for name in APPLIED]
    port = server_port(environ, root / ".env.sandbox")
    findings.append(finding_of(RUNNING, lambda: ask_server(port)))
    for finding in findings:
        _print(console, finding)
    outcome = outcome_of(findings)
    console.print(Text.assemble("lazy-imports: ", (outcome, STYLES[outcome])))
    return {"PASS": Exit.OK, "FAIL": Exit.FAILED}.get(outcome, Exit.UNAVAILABLE)


def _baseline(case: Case) -> str:
    try:
        seen = case.pytorch
    except NotSeen as missing:
        return f"not seen: {missing.reason}"
    return f"version {seen.version}" if seen.imported else "not installed; attempts to import it are still recorded"


def _print(console: Console, finding: Finding) -> None:
    line = Text.assemble(
        (f"{finding.outcome:<8}", STYLES.get(finding.outcome, "")), f"  {finding.check:<16} {finding.found}"
    )
    console.print(line, soft_wrap=True)
    if finding.outcome not in ("PASS", "SKIP"):
        console.print(
            Text(f"          expected: {finding.expected}\n          {finding.category}: {finding.action}"),
            soft_wrap=True,
        )
        for name, value in finding.evidence.items():
            text = value if isinstance(value, str) else json.dumps(value, indent=2)
            console.print(Text(f"          {name}: {text}"), soft_wrap=True)


def _probe(contract: Contract, environ: Mapping[str, str], root: Path) -> ProbeRun:
    """Run the probes in fresh interpreters of this environment, from the checkout, with their own data."""
    request = probe_request(contract, next(iter(contract.images.values())), [], SECONDS)
    for of_an_image in ("environment", "commands"):
        request["probes"].pop(of_an_image)
    with tempfile.TemporaryDirectory(prefix="ktrdr-lazy-imports-") as data:
        environment = {**environ, "KTRDR_DATA_DIR": data}
        environment.pop("KTRDR_DATABASE_URL", None)
        process = subprocess.Popen(
            [sys.executable, "-X", "utf8", "-c", source("runner"), json.dumps(request)],
            cwd=root, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
        late = False
        try:
            stdout, stderr = process.communicate(timeout=SECONDS + ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            late = True
        finally:
            # Its probes with it: it ends them at SIGTERM, which killing it would leave running
            processes.end(process.pid, POLITE_SECONDS, KILLED_SECONDS)
            process.wait()
        if late:
            stdout, stderr = process.communicate()
    results, error = read_document(Output(stdout, stderr), request, late=SECONDS if late else None)
    proof = Proof(
        container_id="none", image_id="checkout", started="here", finished="here", exit_code=process.returncode,
        out_of_memory=False,
    )  # fmt: skip
    output = "" if results else (stdout + stderr)[-2000:].decode("utf-8", "replace")
    return ProbeRun(nonce=request["nonce"], proof=proof, seconds=0.0, results=results, error=error, output=output)


def _subject() -> Subject:
    """Return a stand-in for an image: the checkout."""
    nothing: list[str] = []
    return Subject(
        tag="checkout", image_id="checkout", identity="checkout", layers=nothing, user="", environment={},
        command=nothing, entrypoint=nothing, healthcheck=nothing, labels={}, history=nothing,
    )  # fmt: skip


def _case(contract: Contract, run: ProbeRun) -> Case:
    image = next(iter(contract.images.values()))
    return Case(contract, image, Observation(role=image.role, subject=_subject(), probes=run), None, None, "", {})


def server_port(environ: Mapping[str, str], sandbox: Path) -> str:
    """Return a running server's port: KTRDR_API_PORT of ``.env.sandbox`` if present, of the environment, or 8000."""
    port = environ.get("KTRDR_API_PORT") or "8000"
    lines = sandbox.read_text(encoding="utf-8", errors="replace").splitlines() if sandbox.is_file() else []
    for line in lines:
        if match := re.fullmatch(r"\s*(?:export\s+)?KTRDR_API_PORT=(.*)", line):
            try:
                port = "".join(shlex.split(match[1], comments=True)) or "8000"
            except ValueError:
                port = match[1]  # no shell could read it either: it is reported as no port
    return port


def ask_server(port: str) -> Ruling:
    """Ask a running server for its health: PASS or FAIL where it answers 200, else SKIP (specification, step 5)."""
    expected = RUNNING.purpose
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 1 << 16:
        action = "set KTRDR_API_PORT to a number from 1 to 65535"
        return Ruling("ERROR", expected, f"KTRDR_API_PORT={port!r} is no port", category="CONFIGURATION", action=action)
    address = f"http://localhost:{port}/api/v1/health"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=SERVER_SECONDS) as response:
            status, body = response.status, response.read(4000).decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        error.close()
        answers = f"what runs on port {port} answers HTTP {error.code}, not 200: import checks still valid"
        return Ruling("SKIP", expected, answers)
    except (OSError, http.client.HTTPException):
        start = f"start one with `docker run --publish 127.0.0.1:{port}:8000 ktrdr-backend:prod`"
        return Ruling("SKIP", expected, f"API server not running on port {port}: import checks still valid; {start}")
    return rule(status == 200 and has_status(body), expected, f"HTTP {status} {body[:300]}")  # noqa: PLR2004
