"""docs/publishing.md lists the checks of a published image and the refusals of registries as the code has them."""

import re

from deploy.publish.examined import examine
from deploy.publish.options import MOST_DAYS
from deploy.publish.published import read
from deploy.publish.send import SILENCE_SECONDS
from deploy.publish.wire import CERTIFICATES, REFUSALS, Deadlines
from tests.support.checkout import ROOT
from tests.support.documents import text
from tests.support.publishing import Workshop, expected

DOCUMENT = text(ROOT / "docs" / "publishing.md")


def first_cells(header: str) -> list[str]:
    table = DOCUMENT.partition(f"| {header} |")[2].partition("\n\n")[0]
    return re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)


def test_the_checks_of_a_published_image_are_those_of_the_code_in_their_order(shop: Workshop) -> None:
    shop.verify("backend")
    shop.publish("backend")
    findings = examine(read(shop.place.repository(shop.image("backend"))), expected()).findings
    assert first_cells("check") == [*(one.check for one in findings), "role", "pulled"]


def test_the_refusals_are_those_of_the_code() -> None:
    assert first_cells("words") == [words for _, words, _ in REFUSALS]


def test_the_deadlines_and_places_are_those_of_the_code() -> None:
    due = Deadlines()
    said = f"{due.connect:g} s to connect, {due.silence:g} s between two pieces of an answer, and {due.whole:g} s"
    assert said in " ".join(DOCUMENT.split())
    assert f"silent for {SILENCE_SECONDS:g} s" in DOCUMENT
    assert f"{MOST_DAYS:g} if that is not given" in DOCUMENT
    assert f"{CERTIFICATES}/HOST/ca.crt" in DOCUMENT
