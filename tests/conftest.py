"""Which tests may run beside which: unit tests beside any, those that share an engine or a server one after another."""

import signal
from collections.abc import Generator, Iterator
from pathlib import PurePosixPath
from typing import Any

import pytest

# Directories whose tests share the images and the processors
ON_THE_ENGINE = {"broken_images", "browser", "integration", "resilience"}


def share(nodeid: str) -> str:
    """Return what a test shares with those that have to run in its process, one after another."""
    _tests, directory, *_ = PurePosixPath(nodeid.partition("::")[0]).parts
    if directory == "unit":
        return nodeid
    return "engine" if directory in ON_THE_ENGINE else directory


@pytest.hookimpl(optionalhook=True)  # pytest-xdist's
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 - not there where plugins are not loaded

    class BySharing(LoadScopeScheduling):  # type: ignore[misc, unused-ignore]
        def _split_scope(self, nodeid: str) -> str:
            return share(nodeid)

    return BySharing(config, log)


@pytest.fixture(autouse=True)
def own_signals() -> Iterator[None]:
    """What a command does to the process's signals ends with the test: children would inherit it."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    # What a test logs may be no text in UTF-8 on purpose; between processes a report has to be
    report.sections = [(name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections]
    return report
