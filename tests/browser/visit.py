"""A page as a person sees it, and what must not be about it: errors, and requests that leave this machine."""

import re
from typing import Final, Literal
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it carries no py.typed
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Request

from tests.support.checkout import project

HERE: Final = frozenset({"localhost", "127.0.0.1", "::1"})
WITHOUT_NETWORK: Final = frozenset({"about", "blob", "data", "file"})
WAIT_MS: Final = 30_000
# Chromium gives up what it loads when an address of the machine comes or goes, as with every container that starts
NETWORK_CHANGED: Final = "net::ERR_NETWORK_CHANGED"
INTERRUPTED: Final = "interrupted by another navigation"
LOADINGS: Final = 40
DESKTOP: Final = (1280, 900)
PHONE: Final = (390, 844)

Scheme = Literal["light", "dark"]


class Visit:
    """One page in a context of its own. What goes wrong in it is collected in `problems`."""

    def __init__(
        self,
        browser: Browser,
        *,
        scheme: Scheme = "light",
        size: tuple[int, int] = DESKTOP,
        broken_off: str = NETWORK_CHANGED,
    ) -> None:
        width, height = size
        self._context = browser.new_context(
            color_scheme=scheme,
            viewport={"width": width, "height": height},
            service_workers="block",
            reduced_motion="reduce",
            locale="en-GB",
            timezone_id="UTC",
        )
        self._context.set_default_timeout(WAIT_MS)
        self._expected: list[re.Pattern[str]] = []
        self._seen: list[str] = []
        self._broken_off, self._lost = broken_off, 0
        self._context.on("request", self._request)
        self._context.on("requestfailed", self._failed)
        self._context.on("console", self._console)
        self._context.on("weberror", lambda error: self._seen.append(f"page error: {error.error}"))
        self.page: Page = self._context.new_page()
        self.page.on("websocket", lambda socket: self._leaves(socket.url))
        self.page.on("crash", lambda _page: self._seen.append("the page crashed"))

    def open(self, url: str) -> None:
        """Load a page; again, where the machine's network changed meanwhile and a part of it was lost."""
        for _ in range(LOADINGS):
            lost = self._lost
            try:
                self.page.goto(url)
            except Error as error:
                # After a loss the browser's own page, which tells of it, may come in between
                if self._lost == lost and not (lost and INTERRUPTED in error.message):
                    raise
                continue
            if self._lost == lost:
                return
        raise AssertionError(f"{url} was never loaded whole: {self._broken_off}")

    def expect(self, pattern: str) -> None:
        """Take messages in which `pattern` is found for part of the test."""
        self._expected.append(re.compile(pattern))

    @property
    def problems(self) -> list[str]:
        """Console errors, uncaught errors and requests to other machines, those aside that were expected."""
        return [text for text in self._seen if not any(pattern.search(text) for pattern in self._expected)]

    def accessibility(self) -> str:
        """Return what axe finds wrong with the page as it is now: a paragraph a violation, empty for none."""
        results = Axe().run(self.page)
        return str(results.generate_report()) if results.violations_count else ""

    def is_wider_than_the_window(self) -> bool:
        """Tell whether the page as a whole scrolls sideways."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))

    def screenshot(self, name: str) -> None:
        """Keep the whole page as `screenshots/NAME.png` among the artifacts."""
        folder = project().artifacts.root / "screenshots"
        folder.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=folder / f"{name}.png", full_page=True)

    def close(self) -> None:
        """Leave; the profile goes too."""
        self._context.close()

    def _request(self, request: Request) -> None:
        self._leaves(request.url)

    def _failed(self, request: Request) -> None:
        self._lost += self._broken_off in (request.failure or "")

    def _leaves(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in WITHOUT_NETWORK and parts.hostname not in HERE:
            self._seen.append(f"request that leaves this machine: {url}")

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and self._broken_off not in message.text:
            self._seen.append(f"console: {message.text} ({message.location.get('url', '')})")
