"""A good image, built through the command line, and the verdicts on the faulty ones made of it."""

import contextlib
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from deploy import engine as engines
from deploy import kept
from deploy.artifacts import BUILD, Artifacts
from deploy.contract import ROOT, Contract, read_contract
from deploy.engine import Engine, find_engine
from deploy.errors import Problem
from deploy.record import BuildRecord
from deploy.runs import new_run
from tests.faults.catalogue import FAULTS
from tests.faults.fault import Fault
from tests.faults.workshop import Good, Workshop, remove
from verify.verdict import Verdict

START = "backend"  # the smallest image
BUILD_SECONDS = 1200.0
VERDICT_SECONDS = 300.0
AT_ONCE = 1 + (os.cpu_count() or 1)


@pytest.fixture(scope="session")
def contract() -> Contract:
    return read_contract()


@pytest.fixture(scope="session")
def engine() -> Engine:
    try:
        return find_engine()
    except Problem as problem:
        pytest.fail(f"the faults need a Docker Engine: {problem}", pytrace=False)


@pytest.fixture(scope="session")
def good(engine: Engine, contract: Contract, tmp_path_factory: pytest.TempPathFactory) -> Good:
    artifacts = tmp_path_factory.mktemp("artifacts")
    command = [sys.executable, "-m", "deploy", "build", START, "--artifacts", str(artifacts)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=BUILD_SECONDS)
    assert done.returncode == 0, f"{engine.endpoint}: {done.stdout[-4000:]}{done.stderr[-4000:]}"
    return Good(contract.images[START], Artifacts(artifacts).read(START, BUILD, BuildRecord))


@pytest.fixture(scope="session")
def workshop(
    engine: Engine, contract: Contract, good: Good, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workshop]:
    repository = f"ktrdr-fault-{uuid.uuid4().hex[:8]}"
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(contextlib.closing(engines.sdk(engine)))
        stack.callback(remove, client, repository)  # last, when the run has removed its containers
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(kept, "CACHE", tmp_path_factory.mktemp("cache"))  # every image's layers are really read
        run = stack.enter_context(new_run(engine))
        directory = tmp_path_factory.mktemp("faults")
        yield Workshop(engine, contract, run, good, directory=directory, repository=repository)


@pytest.fixture(scope="session")
def good_verdict(workshop: Workshop) -> Verdict:
    return workshop.judge_good()


@pytest.fixture(scope="session")
def verdicts(
    request: pytest.FixtureRequest, workshop: Workshop, good_verdict: Verdict
) -> Iterator[dict[str, Future[Verdict]]]:
    """The verdicts on the faults that this session asks for, made a few at a time."""
    assert good_verdict.image_id, "the faults start from the image that was just judged"
    asked = [item.callspec.params.get("fault") for item in request.session.items if hasattr(item, "callspec")]
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        yield {
            fault.name: pool.submit(workshop.judge_faulty, number, fault)
            for number, fault in enumerate(FAULTS)
            if fault in asked
        }
    finally:
        pool.shutdown(cancel_futures=True)


@pytest.fixture
def verdict(fault: Fault, verdicts: dict[str, Future[Verdict]]) -> Verdict:
    return verdicts[fault.name].result(VERDICT_SECONDS)


CAUGHT = pytest.StashKey[dict[str, list[str]]]()


@pytest.fixture(scope="session")
def told(request: pytest.FixtureRequest) -> dict[str, list[str]]:
    """How each fault ended (caught, missed, caught for the wrong reason), for the report's end."""
    return request.config.stash.setdefault(CAUGHT, {"caught": [], "missed": [], "caught for the wrong reason": []})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if CAUGHT in config.stash:
        told = config.stash[CAUGHT]
        terminalreporter.section("faults")
        terminalreporter.write_line(", ".join(f"{len(names)} {how}" for how, names in told.items()))
        for how in ("missed", "caught for the wrong reason"):
            for name in told[how]:
                terminalreporter.write_line(f"{how}: {name}")
