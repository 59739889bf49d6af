"""A headless Chromium for tests: the machine's own, or Debian's, which root is given where there is none."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from playwright.sync_api import Browser, sync_playwright

from deploy.engine import apt
from deploy.errors import Problem

NAMES: Final = ("chromium", "google-chrome", "google-chrome-stable")
FLAGS: Final = (
    "--no-sandbox",  # root, as which containers and CI run, has no sandbox
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
)
BY_HAND: Final = "install Chromium: apt-get install --no-install-recommends chromium"


def find_or_install() -> str:
    """Return the program's path; Problem where there is none and none may be installed."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return found or _install()


def _install() -> str:
    doing = "looking for Chromium"
    here = apt.must_be_able(doing, BY_HAND)
    if here.id != "debian":
        raise Problem(doing, f"the package of {here.name} is no browser that tests can drive", BY_HAND)
    with apt.with_sources(here.codename, print) as own:
        own.use(apt.own_sources(here.codename))
        own.install(["chromium"])
    found = shutil.which("chromium")
    if found is None:
        raise Problem(doing, "the package chromium brought no such program", BY_HAND)
    return found


@contextmanager
def running(program: str) -> Iterator[Browser]:
    """Give a browser on a fresh profile, which goes with it. Nothing outside this machine can be reached from it.

    While it is there, asyncio.run does not work in this thread: keep it to the tests that look at pages.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, headless=True, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()
