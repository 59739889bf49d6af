"""Markdown that shows what images said and lets none of it become structure."""

import html
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.support.summaries import ROLES, finding, four, four_and_a_missing_one, verdict
from verify.judge.verdict import Verdict
from verify.report.markdown import CUT, LIMIT, MOST_EACH, MOST_FIELD, MOST_LINES, MOST_NAME, markdown
from verify.report.model import COLUMNS
from verify.report.summary import NO_VERDICT, summarize
from verify.report.text import evidence_lines, one_line

JOINER = "\u2060"
HARMLESS = {"text", "strong_open", "strong_close"}
INJECTIONS = [
    "a | b || c",
    "`code` ``more``",
    "<script>alert(1)</script> <!-- x --> </pre></details>",
    "[link](javascript:x) ![image](x) [a][b] [^1]",
    "*a* **b** _c_ __d__ ~~e~~ $x^2$",
    "# no heading\n# here\n\n- a\n1. b\n\n| a |\n|---|",
    "https://example.com www.example.com HTTP://example.com ftp://example.com a@example.com @team",
    "&lt;b&gt; &amp; &copy; \\* \\",
    "---",
    "",
]


def tokens(text: str) -> list[Token]:
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)


def inline(text: str) -> Iterator[Token]:
    for token in tokens(text):
        yield from token.children or []


def cells(text: str) -> list[list[str]]:
    rows: list[list[str]] = []
    for token in tokens(text):
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline" and token.level > 3:
            rows[-1].append("".join(child.content for child in token.children or []))
    return rows


def preformatted(text: str) -> list[str]:
    blocks = [
        token.content for token in tokens(text) if token.type == "html_block" and token.content.startswith("<pre>")
    ]
    inner = [block.removeprefix("<pre>\n").removesuffix("</pre>\n") for block in blocks]
    assert not any("<" in block for block in inner)
    return [html.unescape(block) for block in inner]


def hostile(text: str) -> Verdict:
    findings = [finding(one, text, expected=text, found=text, evidence={"log": text}) for one in ("FAIL", "ERROR")]
    return verdict("dev", *findings, finding("SKIP", text, found=text), tag=text, torch_version=text, cuda_build=text)


def test_the_table_has_the_specifications_columns_and_ours_each_filled() -> None:
    head, *rows = cells(markdown(four_and_a_missing_one()))
    assert head[:5] == ["Image", "Torch", "CUDA", "Expected", "Actual"]
    assert all(len(row) == len(COLUMNS) and all(row) for row in rows)
    assert rows[2] == [
        "ktrdr-worker-cpu:test", "YES", "13.0", "CPU torch", "CUDA torch", "191.2", "105.0", "2.13.0+cu130", "FAIL",
    ]  # fmt: skip
    assert rows[3][-1] == "PASS, UNVERIFIED"


def test_each_finding_that_is_not_pass_is_told_with_category_action_and_folded_evidence() -> None:
    text = markdown(four_and_a_missing_one())
    headings = [token.content for before, token in pairwise(tokens(text)) if before.tag == "h3" and token.content]
    assert headings == ["FAIL cuda-absent", "UNVERIFIED gpu-runtime", "ERROR verdict"]
    plain = html.unescape(text)
    for words in ("CODE_BUG", "correct it", "15 distributions", "what must be", NO_VERDICT, "no torch expected"):
        assert words in plain
    (evidence,) = preformatted(text)
    assert evidence.startswith("log:\n  line 0\n")
    assert text.count("<details>") == text.count("</details>") == 2
    assert "<details><summary>1 check: not applicable here</summary>" in text


def test_the_duration_stands_beside_the_specifications_floor() -> None:
    assert "with proof that each ran" in markdown(summarize(four(), ROLES))


@settings(max_examples=15, deadline=None)
@given(text=st.one_of(st.text(max_size=200), st.text("`*_[]()<>|&#~\\\n -!@:.w", max_size=60)))
@example("a`|b")
@pytest.mark.parametrize("prefix", INJECTIONS)
def test_text_of_an_image_is_never_structure(prefix: str, text: str) -> None:
    said = prefix + text
    document = markdown(summarize([hostile(said)], ["dev"]))
    assert {token.type for token in inline(document)} <= HARMLESS
    blocks = {token.type for token in tokens(document)}
    assert not blocks & {"code_block", "fence", "blockquote_open", "hr", "ordered_list_open"}
    others = [token.content for token in tokens(document) if token.type == "html_block"]
    others = [content for content in others if not content.startswith("<pre>")]
    titles = ("evidence", "1 check: not applicable here")
    assert set(others) <= {*(f"<details><summary>{title}</summary>\n" for title in titles), "</details>\n"}
    evidence = evidence_lines({"log": said}, MOST_EACH, MOST_LINES, 10_000)
    assert preformatted(document) == ["\n".join([*evidence, ""])] * 2
    _, row = cells(document)
    assert len(row) == len(COLUMNS)
    assert row[0].replace(JOINER, "") == (one_line(said, MOST_NAME) or "-")
    texts = "".join(token.content for token in inline(document)).replace(JOINER, "")
    assert texts.count(one_line(said, MOST_FIELD)) >= 4


def test_mentions_and_addresses_are_broken_up() -> None:
    text = markdown(summarize([verdict("dev", finding("FAIL", found=INJECTIONS[6]))], ["dev"]))
    found = next(line for line in text.splitlines() if "**found**" in line)
    assert not any(one in found for one in ("://", "www.", "@"))


@pytest.mark.parametrize("character", ["x", "<", "&", "|", "é"])
def test_long_evidence_is_cut_first_and_that_is_said(character: str) -> None:
    evidence = {f"log {number}": f"{number} {character}" * 5_000 for number in range(10)}
    findings = [finding("FAIL", f"check-{number}", evidence=evidence) for number in range(20)]
    text = markdown(summarize([verdict(role, *findings) for role in ROLES], ROLES))
    assert len(text) < LIMIT
    assert CUT in text
    assert all(text.count(f"FAIL check-{number}\n") == len(ROLES) for number in range(20))
    assert "left out" in text


def test_more_findings_than_a_page_takes_are_left_out_and_that_is_said() -> None:
    findings = [finding("FAIL", f"check-{number}", found="<" * 2_000) for number in range(100)]
    text = markdown(summarize([verdict("dev", *findings)], ["dev"]))
    assert len(text) < LIMIT
    assert "findings are left out: `summary.json` and `report.html` have all of them" in text
    assert cells(text)[1][-1] == "FAIL"


@settings(max_examples=10, deadline=None)
@given(text=st.text(max_size=50), times=st.integers(1, 500), findings=st.integers(1, 60), images=st.integers(1, 300))
def test_the_page_is_within_its_limit_whatever_comes(text: str, times: int, findings: int, images: int) -> None:
    roles = [f"r{number}" for number in range(images)]
    one = finding("ERROR", text, expected=text * times, found=text * times, evidence={"a": text * times})
    judged = verdict("r0", *[one] * findings, tag=text * times)
    verdicts = [judged.model_copy(update={"role": role}) for role in roles[: max(1, 100 // findings)]]
    assert len(markdown(summarize(verdicts, roles))) < LIMIT


def test_of_twenty_images_with_three_thousand_findings_each_shows_some_and_says_how_many_are_left_out() -> None:
    names = [f"role-{number}" for number in range(20)]
    findings = [finding("FAIL", f"check-{number}", evidence={"log": "line\n" * 50}) for number in range(150)]
    text = markdown(summarize([verdict(name, *findings) for name in names], names))
    assert len(text) < LIMIT
    shown = [section.count("### FAIL") for section in text.split("\n## ")[1:]]
    assert len(shown) == 20
    assert max(shown) - min(shown) <= 1
    assert f"**{3000 - sum(shown):,} of 3,000 findings are left out: `summary.json` and `report.html`" in text
    for name, number in zip(names, shown, strict=True):
        assert f"- {name}: {150 - number} left out" in text


def test_what_is_folded_is_unfolded_whole_or_left_out_whole() -> None:
    skips = [finding("SKIP", f"check-{number}", found="because " * 100) for number in range(200)]
    text = markdown(summarize([verdict("dev", finding("FAIL"), *skips)], ["dev"]))
    assert len(text) < LIMIT
    assert text.count("<details>") == text.count("</details>")
    assert "- dev: 200 left out" in text
