"""Which tests run in one process, one after another, and which of them begin first; the others run beside them."""

import signal
from collections.abc import Generator, Iterator
from pathlib import PurePosixPath
from typing import Any

import pytest

# What the tests of a directory share, and so have to take turns with; the longest first, since all end with the last.
# Those of `resilience` wait most of the time, for engines of their own: others compute meanwhile.
SHARED = {
    "integration": "the images and their tags",
    "broken_images": "the images and their tags",
    "resilience": "engines that are harmed",
    "engines": "engines that are harmed",
    "browser": "browsers",
    "store": "a server of PostgreSQL",
    "api": "servers that are measured",
}
# Modules of `integration` whose images have names of their own, or that need none
APART = (
    "test_workflow_jobs.py", "test_surroundings.py", "test_engine_second.py", "test_engine_registry.py",
    "test_registries.py", "test_own_checks.py",
)  # fmt: skip


def share(nodeid: str) -> str:
    """Return what a test shares with those that have to run in its process: its module's fixtures at least."""
    module = PurePosixPath(nodeid.partition("::")[0])
    return str(module) if module.name in APART else SHARED.get(module.parts[1], str(module))


def turn(nodeid: str) -> int:
    """Return a key by which tests begin: what takes longest first, unit tests last."""
    module = PurePosixPath(nodeid.partition("::")[0])
    directories = list(SHARED)
    if module.name in APART:
        return directories.index("resilience")  # behind them
    return directories.index(module.parts[1]) if module.parts[1] in SHARED else len(directories)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):  # one of pytest-xdist's processes
        items.sort(key=lambda item: turn(item.nodeid))


@pytest.hookimpl(optionalhook=True)  # pytest-xdist's
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 - not there where plugins are not loaded

    class BySharing(LoadScopeScheduling):  # type: ignore[misc, unused-ignore]
        def _split_scope(self, nodeid: str) -> str:
            return share(nodeid)

    config.option.loadscopereorder = False  # by number of tests, which says nothing of their length
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
