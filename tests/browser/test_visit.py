"""The looking-glass itself: a page with a fault is told from one without."""

import contextlib
import http.server
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.visit import Visit

SOUND = "<!doctype html><html lang=en><title>Sound</title><main><h1>Sound</h1><p>Nothing is wrong.</p></main></html>"


@pytest.fixture
def fresh(browser: Browser) -> Iterator[Visit]:
    visit = Visit(browser)
    yield visit
    visit.close()


@pytest.fixture
def silent_server() -> Iterator[str]:
    """A server on this machine that knows nothing."""

    class Nothing(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, *_arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Nothing) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_sound_page_has_no_problem_and_axe_finds_none(fresh: Visit) -> None:
    fresh.page.set_content(SOUND)
    assert (fresh.problems, fresh.accessibility(), fresh.is_wider_than_the_window()) == ([], "", False)


@pytest.mark.parametrize(
    ("markup", "said"),
    [
        ("<script>console.error('planted')</script>", "console: planted"),
        ("<script>throw new Error('planted')</script>", "page error: planted"),
        ("<script>Promise.reject(new Error('planted'))</script>", "page error: planted"),
        ("<img alt='' src='http://leaves.example/x.png'>", "request that leaves this machine: http://leaves.example"),
        ("<script>fetch('https://leaves.example/').catch(() => {})</script>", "leaves this machine: https://leaves"),
        ("<script>new WebSocket('wss://leaves.example/')</script>", "leaves this machine: wss://leaves.example"),
        (
            "<meta http-equiv=Content-Security-Policy content=\"script-src 'self'\"><script>let planted</script>",
            "Content Security Policy",
        ),
    ],
)
def test_a_page_that_errs_or_leaves_this_machine_has_a_problem(fresh: Visit, markup: str, said: str) -> None:
    fresh.page.set_content(SOUND + markup)
    _until_a_problem(fresh)
    assert any(said in problem for problem in fresh.problems), fresh.problems


def _until_a_problem(visit: Visit) -> None:
    for _ in range(100):
        if visit.problems:
            return
        visit.page.wait_for_timeout(50)  # lets events in; the condition is the loop's


def test_what_was_expected_is_no_problem(fresh: Visit, silent_server: str) -> None:
    fresh.expect("404")
    fresh.page.goto(silent_server)
    assert fresh.problems == []


def test_an_answer_of_this_machine_that_fails_is_a_problem(fresh: Visit, silent_server: str) -> None:
    fresh.page.goto(silent_server)
    _until_a_problem(fresh)
    assert "404" in fresh.problems[0]


def test_axe_finds_what_a_screen_reader_would_miss(fresh: Visit) -> None:
    fresh.page.set_content(SOUND.replace("<p>", "<input><p>"))
    assert "label" in fresh.accessibility()


def test_a_page_that_scrolls_sideways_is_noticed(fresh: Visit) -> None:
    fresh.page.set_content(SOUND.replace("<p>", "<p style='width:3000px'>"))
    assert fresh.is_wider_than_the_window()


def test_screenshots_are_kept_among_the_artifacts(
    fresh: Visit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KTRDR_ARTIFACTS", str(tmp_path))
    fresh.page.set_content(SOUND)
    fresh.screenshot("sound")
    assert (tmp_path / "screenshots" / "sound.png").read_bytes().startswith(b"\x89PNG")


class Abrupt:
    """A server that breaks off its first answers, as a change of the network does."""

    def __init__(self, broken_off: dict[str, int]) -> None:
        self.broken_off, self.asked = dict(broken_off), Counter[str]()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked[self.path] += 1
                if outer.asked[self.path] <= outer.broken_off.get(self.path, 0):
                    self.close_connection = True
                    return
                script = self.path == "/part.js"
                body = b"document.title = 'Whole'" if script else (SOUND + "<script src=/part.js></script>").encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/javascript" if script else "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"


@pytest.fixture
def abrupt() -> Iterator[Callable[[dict[str, int]], Abrupt]]:
    with contextlib.ExitStack() as ends:

        def serve(broken_off: dict[str, int]) -> Abrupt:
            one = Abrupt(broken_off)
            thread = threading.Thread(target=one.server.serve_forever)
            ends.callback(one.server.server_close)
            ends.callback(thread.join)
            ends.callback(one.server.shutdown)
            thread.start()
            return one

        yield serve


@pytest.mark.parametrize("lost", [{"/part.js": 9}, {"/": 9}, {"/": 9, "/part.js": 9}])
def test_a_page_is_loaded_again_where_the_network_changed_under_it(
    browser: Browser, abrupt: Callable[[dict[str, int]], Abrupt], lost: dict[str, int]
) -> None:
    server = abrupt(lost)
    visit = Visit(browser, broken_off="net::ERR_EMPTY_RESPONSE")
    visit.open(server.url)
    assert visit.page.title() == "Whole"
    assert visit.problems == []
    visit.close()


def test_a_part_of_a_page_that_is_lost_for_another_reason_is_a_problem(
    fresh: Visit, abrupt: Callable[[dict[str, int]], Abrupt]
) -> None:
    fresh.open(abrupt({"/part.js": 1000}).url)
    _until_a_problem(fresh)
    assert "ERR_EMPTY_RESPONSE" in fresh.problems[0]


def test_a_page_that_is_never_whole_fails_the_test(
    browser: Browser, abrupt: Callable[[dict[str, int]], Abrupt]
) -> None:
    visit = Visit(browser, broken_off="net::ERR_EMPTY_RESPONSE")
    with pytest.raises(AssertionError, match="never loaded whole"):
        visit.open(abrupt({"/part.js": 1000}).url)
    visit.close()
