"""What makes the documents readable: short sentences, a short README that leads everywhere, links, a picture."""

import re
import struct
from pathlib import Path
from statistics import mean

from tests.support.checkout import ROOT
from tests.support.documents import README, every_document, length, linked, sentences, text

PICTURE = ROOT / "docs" / "report.png"
MEAN_WORDS, LONGEST_WORDS, README_WORDS, PICTURE_BYTES = 20, 35, 1300, 300_000


def test_code_tables_and_headings_are_no_sentences() -> None:
    prose, code, table = "One. Two words\nhere!\n", "```\nno sentence. none.\n```\n", "| a. | b. |\n"
    assert sentences(f"# A heading\n\n{prose}\n{code}{table}- An item\n- Another. And more.\n") == [
        "One.",
        "Two words here!",
        "An item",
        "Another.",
        "And more.",
    ]


def test_a_name_in_code_and_a_link_count_as_what_is_read() -> None:
    [sentence] = sentences("Run **`./noxw -s build verify`** as [the page](docs/page.md#part) says.")
    assert sentence == "Run code as the page says."
    assert length(sentence) == 6


def test_a_full_stop_within_a_sentence_does_not_end_it() -> None:
    assert len(sentences("Python 3.11 with e.g. pip takes 0.5 s. It ends.")) == 2


@every_document
def test_sentences_are_short(document: Path) -> None:
    counted = sorted((length(sentence), sentence) for sentence in sentences(text(document)))
    assert mean(words for words, _ in counted) <= MEAN_WORDS
    assert counted[-1][0] <= LONGEST_WORDS, counted[-1]


@every_document
def test_links_within_the_repository_lead_somewhere(document: Path) -> None:
    for target in linked(document):
        assert target.exists(), target


@every_document
def test_links_to_a_part_of_a_document_lead_to_one_of_its_headings(document: Path) -> None:
    for target, part in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", text(document)):
        headings = re.findall(r"^#+ (.+)$", text((document.parent / target) if target else document), re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert part in anchors, f"{target}#{part}"


@every_document
def test_every_document_is_one_link_away_from_the_readme(document: Path) -> None:
    assert document in {README, *linked(README)}


def test_the_readme_is_short() -> None:
    assert len(text(README).split()) <= README_WORDS


def test_the_purpose_comes_first_and_the_two_commands_soon_after() -> None:
    beginning = text(README).split("\n## ")[0]
    assert beginning.startswith("# ")
    assert beginning.index("ktrdr is ") < beginning.index("./noxw -s engine build verify") < 900
    assert "./noxw -s engine tests" in beginning


def test_the_readme_shows_a_picture_of_the_report_that_loads_quickly_and_can_be_read() -> None:
    assert PICTURE in linked(README)
    picture = PICTURE.read_bytes()
    assert len(picture) < PICTURE_BYTES
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", picture[16:24])
    assert 1000 <= width <= 2000
    assert 500 <= height <= width
