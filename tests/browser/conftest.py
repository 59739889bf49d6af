"""A backend, and a browser for the tests of one module; visits end with the test and fail it for what went wrong."""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from deploy.errors import Problem
from tests.api.backend import Backend
from tests.browser.chromium import find_or_install, running
from tests.browser.visit import DESKTOP, WAIT_MS, Scheme, Visit

OpenVisit = Callable[..., Visit]

expect.set_options(timeout=WAIT_MS)


@pytest.fixture(scope="session")
def chromium_program() -> str:
    try:
        return find_or_install()
    except Problem as problem:
        pytest.skip(f"no Chromium here: {problem}")


@pytest.fixture(scope="module")
def browser(chromium_program: str) -> Iterator[Browser]:
    with running(chromium_program) as browser:
        yield browser


@pytest.fixture
def visit(browser: Browser) -> Iterator[OpenVisit]:
    """Open a page: `visit(url, scheme="dark", size=PHONE)`; `expect` before what is meant to go wrong."""
    visits: list[Visit] = []

    def open_visit(url: str, *, scheme: Scheme = "light", size: tuple[int, int] = DESKTOP) -> Visit:
        visits.append(Visit(browser, scheme=scheme, size=size))
        visits[-1].open(url)
        return visits[-1]

    yield open_visit
    for one in visits:
        one.close()  # first: what happened last is told by then
    problems = [problem for one in visits for problem in one.problems]
    assert not problems, "\n".join(problems)


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Backend]:
    with Backend(tmp_path / "data") as backend:
        yield backend


@pytest.fixture
def api(backend: Backend) -> Iterator[httpx.Client]:
    with backend.api as api:
        yield api
