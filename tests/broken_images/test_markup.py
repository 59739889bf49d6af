"""What a real image says as markup is the text that it is in every report."""

import html
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.broken_images.catalogue import FAULTS
from tests.broken_images.fault import MARKUP
from tests.broken_images.workshop import Workshop
from tests.browser.conftest import OpenVisit, browser, chromium_program, visit
from verify.judge.verdict import Verdict
from verify.report.junit import junit
from verify.report.markdown import markdown
from verify.report.model import Summary
from verify.report.page import page
from verify.report.summary import summarize

__all__ = ["browser", "chromium_program", "visit"]  # fixtures
(FAULT,) = [one for one in FAULTS if MARKUP in one.lines]
SAID = MARKUP.partition(" ")[0]


@pytest.fixture(scope="module")
def summary(workshop: Workshop, good_verdict: Verdict) -> Summary:
    assert good_verdict.image_id, "the fault starts from the image that was just judged"
    return summarize([workshop.judge_faulty(FAULTS.index(FAULT), FAULT).verdict], [FAULT.role])


def test_the_image_s_markup_is_what_was_found(summary: Summary) -> None:
    found = {one.check: one.found for one in summary.rows[0].findings}
    assert SAID in found[FAULT.check]


def test_the_page_shows_it_as_text_and_runs_nothing(summary: Summary, visit: OpenVisit, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(page(summary), encoding="utf-8")
    seen = visit(path.as_uri()).page
    assert seen.title() == "Images: FAIL"
    assert seen.locator("script, img").count() == 0
    assert [text for text in seen.locator(".finding.FAIL .found").all_inner_texts() if SAID in text]


def test_markdown_and_junit_show_it_as_text(summary: Summary) -> None:
    text = markdown(summary)
    assert "<script" not in text
    assert SAID in html.unescape(text)
    cases = ET.fromstring(junit(summary)).iter("failure")  # noqa: S314 - written a line before
    assert any(SAID in "".join(one.itertext()) or SAID in one.attrib["message"] for one in cases)
