"""A good image, built through the command line, and the verdicts on the faulty ones made of it."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import pytest

from deploy.artifacts import BUILD, Artifacts
from deploy.build_record import BuildRecord
from deploy.contract import Contract
from deploy.engine.connection import Engine, find_engine
from deploy.engine.runs import new_run
from deploy.errors import Problem
from tests.broken_images.catalogue import FAULTS, QUICK
from tests.broken_images.fault import Fault
from tests.broken_images.result import HOWS, RIGHT, Result, taken
from tests.broken_images.workshop import Good, Workshop
from tests.support.checkout import PROJECT, ROOT, read_contract
from verify.judge.verdict import Verdict

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
def workshop(engine: Engine, good: Good, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    with contextlib.ExitStack() as stack:
        project = replace(PROJECT, cache=tmp_path_factory.mktemp("cache"))  # every image's layers are really read
        directory = tmp_path_factory.mktemp("faults")
        with new_run(engine) as run:
            workshop = Workshop(engine, project, run, {START: good}, directory=directory, whole=False)
            stack.callback(workshop.close)  # after the run's end: none of its containers is left to need an image
            yield workshop


@pytest.fixture(scope="session")
def good_verdict(workshop: Workshop) -> Verdict:
    return workshop.judge_good(START)


@pytest.fixture(scope="session")
def results(
    request: pytest.FixtureRequest, workshop: Workshop, good_verdict: Verdict
) -> Iterator[dict[str, Future[Result]]]:
    """What comes of the faults that this session asks for, a few at a time."""
    assert good_verdict.image_id, "the faults start from the image that was just judged"
    asked = [item.callspec.params.get("fault") for item in request.session.items if hasattr(item, "callspec")]

    def one(fault: Fault) -> Result:
        began = time.monotonic()
        seen = workshop.judge_faulty(FAULTS.index(fault), fault)
        return taken(fault, seen, time.monotonic() - began)

    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        yield {fault.name: pool.submit(one, fault) for fault in QUICK if fault in asked}
    finally:
        pool.shutdown(cancel_futures=True)


@pytest.fixture
def result(fault: Fault, results: dict[str, Future[Result]]) -> Result:
    return results[fault.name].result(VERDICT_SECONDS)


CAUGHT = pytest.StashKey[list[Result]]()


@pytest.fixture(scope="session")
def told(request: pytest.FixtureRequest) -> list[Result]:
    """How each fault ended, for the report's end."""
    return request.config.stash.setdefault(CAUGHT, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if CAUGHT in config.stash:
        told = config.stash[CAUGHT]
        terminalreporter.section("faults")
        terminalreporter.write_line(", ".join(f"{sum(one.how == how for one in told)} {how}" for how in HOWS))
        for one in told:
            if one.how not in RIGHT:
                terminalreporter.write_line(f"{one.how}: {one.name}")
