"""A browser for the tests of one module, and visits that end with the test and fail it for what went wrong in them."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from deploy.errors import Problem
from tests.browser.chromium import find_or_install, running
from tests.browser.visit import DESKTOP, Scheme, Visit

OpenVisit = Callable[..., Visit]


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
        visits[-1].page.goto(url)
        return visits[-1]

    yield open_visit
    for one in visits:
        one.close()  # first: what happened last is told by then
    problems = [problem for one in visits for problem in one.problems]
    assert not problems, "\n".join(problems)
