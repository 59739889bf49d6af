"""The report in a real browser: no error, nothing from outside, axe content, readable everywhere, quickly there."""

from collections.abc import Callable
from itertools import cycle
from pathlib import Path

import pytest

from tests.browser.conftest import OpenVisit
from tests.browser.visit import DESKTOP, PHONE, Scheme
from tests.support.pages import empty, every_kind, run
from tests.unit.verify.commands.test_history import save
from tests.unit.verify.report.test_page import RUNS, hostile, many
from verify.commands.history import page as history
from verify.commands.history import read_runs
from verify.report.artifacts import AllArtifacts
from verify.report.model import Summary
from verify.report.page import page

OPENS_SECONDS = 2.0
FIRST_OF_EACH = """() => {
    const parts = [...document.querySelectorAll(".part")]
    const kept = ["FAIL", "ERROR", "UNVERIFIED"].map(word => parts.find(one => one.querySelector(`.finding.${word}`)))
    parts.filter(one => !kept.includes(one)).forEach(one => one.remove())
    document.querySelector(".long").classList.remove("long")
}"""
PAINTED = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
NAMES = {"passing": run, "every kind": every_kind, "empty": empty}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Where the page of a run lies."""
    directory = tmp_path_factory.mktemp("report")

    def write(name: str) -> str:
        path = directory / f"{name}.html"
        if not path.exists():
            path.write_text(page(*RUNS[name]()), encoding="utf-8")
        return path.as_uri()

    return write


def written(path: Path, summary: Summary, artifacts: AllArtifacts | None = None) -> str:
    path.write_text(page(summary, artifacts), encoding="utf-8")
    return path.as_uri()


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_the_report_is_accessible_and_no_wider_than_the_window(
    visit: OpenVisit, address: Callable[[str], str], name: str, scheme: Scheme, size: tuple[int, int]
) -> None:
    seen = visit(address(name), scheme=scheme, size=size)
    assert not seen.is_wider_than_the_window()
    if name == "every kind":  # axe takes long on dozens of images: the first with each outcome stay, all laid out
        seen.page.evaluate(FIRST_OF_EACH)
    assert seen.accessibility() == ""
    seen.screenshot(f"report-{name.replace(' ', '-')}-{scheme}-{'phone' if size == PHONE else 'desktop'}")


def test_all_that_is_folded_is_accessible_too(visit: OpenVisit, address: Callable[[str], str]) -> None:
    seen = visit(address("passing"))
    seen.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert seen.accessibility() == ""


def test_each_screen_has_one_of_a_chart_s_two_forms(visit: OpenVisit, address: Callable[[str], str]) -> None:
    for size, form in ((DESKTOP, "wide"), (PHONE, "narrow")):
        charts = visit(address("passing"), size=size).page.locator("svg.chart")
        shown = [one.get_attribute("class") for one in charts.all() if one.is_visible()]
        assert shown
        assert {str(one).split()[1] for one in shown} == {form}


def test_paper_shows_what_the_screen_folds(visit: OpenVisit, address: Callable[[str], str]) -> None:
    seen = visit(address("passing"))
    folded = seen.page.locator("#bytes table").first
    assert not folded.is_visible()
    seen.page.emulate_media(media="print")
    assert folded.is_visible()
    assert seen.page.locator(".many .found").first.is_visible()
    assert not seen.page.locator(".many .evidence").first.is_visible()  # of what holds it is the screen's
    assert not seen.page.locator("nav").is_visible()
    seen.screenshot("report-passing-print")


def test_an_outcome_in_the_table_leads_to_its_finding_by_keyboard(
    visit: OpenVisit, address: Callable[[str], str]
) -> None:
    seen = visit(address("passing"))
    link = seen.page.locator("table.matrix a").first
    link.focus()
    seen.page.keyboard.press("Enter")
    target = seen.page.locator(link.get_attribute("href") or "")
    assert target.is_visible()  # the browser unfolds what holds it


def test_the_first_key_leads_past_the_navigation(visit: OpenVisit, address: Callable[[str], str]) -> None:
    seen = visit(address("passing"))
    seen.page.keyboard.press("Tab")
    assert seen.page.locator("a.skip").is_visible()
    seen.page.keyboard.press("Enter")
    assert seen.page.url.endswith("#main")


def test_the_history_is_accessible_and_no_wider_than_a_phone(visit: OpenVisit, tmp_path: Path) -> None:
    for day in range(1, 9):
        save(tmp_path / "runs", f"run-{day}", day, healthy=2.0 - day / 10, added=day * 1_000_000)
    path = tmp_path / "history.html"
    path.write_text(history(*read_runs(tmp_path / "runs", ["dev"])), encoding="utf-8")
    seen = visit(path.as_uri(), size=PHONE)
    assert not seen.is_wider_than_the_window()
    assert seen.accessibility() == ""
    seen.screenshot("history-phone")


def test_markup_of_an_image_does_nothing(visit: OpenVisit, tmp_path: Path) -> None:
    text = "</style></script><script>document.title='harmed'</script><img src='http://outside.invalid/' onerror='x()'>"
    seen = visit(written(tmp_path / "hostile.html", *hostile(text)))
    assert seen.page.title() == "Images: FAIL"
    assert seen.page.locator("img, script").count() == 0


def test_twenty_images_with_three_thousand_findings_open_quickly(visit: OpenVisit, tmp_path: Path) -> None:
    summary, (_, artifacts) = many(20, 3000), run()
    drawn = {row.role: one for row, one in zip(summary.rows, cycle(artifacts.of.values()), strict=False)}
    page = visit(written(tmp_path / "many.html", summary, AllArtifacts(drawn))).page
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    page.evaluate(PAINTED)
    page.evaluate(f"window.scrollTo(0, document.documentElement.scrollHeight); {PAINTED}")
    measured = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    # From its process's start to its end on the screen, all threads together: what else the machine does is not the
    # page's, so it is the processor's time, of which a quiet machine's clock shows no more.
    assert measured["ProcessTime"] < OPENS_SECONDS
