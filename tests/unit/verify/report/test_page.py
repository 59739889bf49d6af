"""The page holds what the JSON holds, whatever the run was like, and nothing of an image is ever markup."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from deploy.uv_lock import CUDA_DISTRIBUTION
from tests.support.cases import ROLES, Facts, attempt, good
from tests.support.pages import (
    Element,
    contents_of,
    empty,
    every_kind,
    imported,
    parsed,
    record_of,
    role_artifacts,
    run,
)
from tests.support.pages import step as step_of
from tests.support.summaries import finding, verdict
from verify.judge.checks import END_TO_END_CHECKS, PURPOSES
from verify.judge.end_to_end import EndToEnd
from verify.judge.verdict import Finding
from verify.report.artifacts import AllArtifacts, read_all_artifacts
from verify.report.model import Summary
from verify.report.page import CUT, LIMIT, ROOM_FOR_EVIDENCE, anchor, harmless, marked, page
from verify.report.summary import summarize
from verify.report.text import evidence_lines, one_line

RUNS: dict[str, Callable[[], tuple[Summary, AllArtifacts]]] = {"passing": run, "every kind": every_kind, "empty": empty}
INJECTIONS = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</pre></details><h1>", "<!--", "]]>", "&lt;b&gt;",
    "{{ 7 * 7 }}", "{% raw %}", "' style='color:red", "</title><svg/onload=alert(1)>", "</style><style>*{display:none}",
)  # fmt: skip


@pytest.fixture(params=RUNS, scope="module")
def told(request: pytest.FixtureRequest) -> tuple[Summary, AllArtifacts]:
    return RUNS[request.param]()


@pytest.fixture(scope="module")
def shown(told: tuple[Summary, AllArtifacts]) -> Element:
    """The page of a run; nobody changes it."""
    return parsed(page(*told))


def fields(element: Element) -> dict[str, str]:
    """A finding's fields, as the page shows them."""
    found = {one: element.all("dd", one) for one in ("expected", "found", "category", "action")}
    return {name: some[0].text for name, some in found.items() if some}


def lines(one: Finding, summary: Summary) -> list[str]:
    """A finding's evidence; only where there are thousands of findings is there less room for each."""
    bound = min(20_000, ROOM_FOR_EVIDENCE // sum(len(part.findings) for part in summary.parts))
    return evidence_lines(one.evidence, bound, bound, bound)


def test_every_finding_is_there_with_all_that_the_json_has(told: tuple[Summary, AllArtifacts], shown: Element) -> None:
    summary = json.loads(told[0].model_dump_json())
    for row in summary["rows"]:
        for number, one in enumerate(row["findings"]):
            element = shown.by_id(f"{anchor(row['role'])}-{number}")
            assert one["outcome"] in element.all(cls="badge")[0].text
            assert element.all("code")[0].text == one["check"]
            named = {name: one_line(one[name] or "", 4000) for name in ("expected", "found", "category", "action")}
            named["action"] = re.sub("`([^`]+)`", r"\1", named["action"])  # they stand as code
            assert fields(element) == {
                name: text for name, text in named.items() if text or name in ("expected", "found")
            }
            evidence = [pre.text.removeprefix("\n").split("\n") for pre in element.all("pre")]
            assert evidence == ([lines(Finding.model_validate(one), told[0])] if one["evidence"] else [])


def test_every_outcome_stands_in_the_table_by_check_and_image_and_leads_to_its_finding(
    told: tuple[Summary, AllArtifacts], shown: Element
) -> None:
    summary = told[0]
    body = [row for table in shown.all("table", "matrix") for row in table.all("tbody")[0].all("tr")]
    links = {
        (row.all("th")[0].text, image.role): cell.all("a")
        for row in body
        for image, cell in zip(summary.rows, row.all("td"), strict=False)
    }
    for image in summary.rows:
        for one in image.findings:
            (link,) = links[one.check, image.role]
            assert link.text == one.outcome
            assert link.attributes["href"].removeprefix("#") in shown.ids
    assert sum(map(len, links.values())) == sum(len(image.findings) for image in summary.rows)


def test_the_summary_s_own_words_and_figures_are_there(told: tuple[Summary, AllArtifacts], shown: Element) -> None:
    root, summary = shown, told[0]
    assert summary.meaning in root.text
    assert root.all("h1")[0].text.split() == [summary.outcome, "Images"]
    for row in summary.rows:
        (card,) = (one for one in root.all("article", "card") if one.all("h3")[0].text == row.role)
        assert row.image in card.text
        assert all(word in card.text for word in row.outcome_words)
        assert ", ".join(row.figures.gpu_architectures or []) in card.text
        assert all(identity in root.by_id("proof").text for identity in (row.image_id, row.identity) if identity)


def test_the_gpus_that_a_cuda_build_has_code_for_stand_beside_its_version() -> None:
    summary = summarize([verdict("worker-gpu", torch_version="2.13.0+cu130", cuda_build="13.0")], ["worker-gpu"])
    (card,) = parsed(page(summary, AllArtifacts())).all("article", "card")
    assert "13.0 for sm_80, sm_90" in " ".join(card.text.split())


def test_layers_and_distributions_are_there_to_the_byte() -> None:
    summary, artifacts = run()
    bytes_of = parsed(page(summary, artifacts)).by_id("bytes")
    table = bytes_of.all("table", "distributions")[0].all("tbody")[0]
    shown = {
        row.all("th")[0].text: [cell.text.replace(",", "") for cell in row.all("td")[:-1]] for row in table.all("tr")
    }
    for number, role in enumerate(ROLES):
        contents = contents_of(artifacts, role)
        column = [int(sizes[number] or 0) for sizes in shown.values()]
        assert sum(column) == contents.unpacked_bytes
        for layer in contents.layers:
            assert f"{layer.unpacked_bytes:,}" in bytes_of.text


def test_every_step_of_the_builds_is_there_with_its_seconds() -> None:
    summary, artifacts = run()
    build = parsed(page(summary, artifacts)).by_id("build")
    for role in ROLES:
        record = record_of(artifacts, role)
        (table,) = (one for one in build.all("div", "scroll") if one.attributes["aria-label"] == f"{role}: steps")
        cells = [[cell.text for cell in row.all("td")] for row in table.all("tbody")[0].all("tr")]
        assert [cell[0] for cell in cells[:3]] == [one.name.partition("] ")[2] for one in record.steps]
        assert [cell[1] for cell in cells] == ["cached", "run", "run", "all else"]
        assert [cell[3] for cell in cells[:3]] == ["0.0", "1.2", "0.4"]
        assert cells[1][2] == "0.9"


def test_the_chain_to_a_heavy_import_is_there() -> None:
    def heavy(facts: Facts) -> None:
        facts.report("application")["attempts"].append(attempt("torch", "import"))

    imports = parsed(page(*run({"dev": heavy}))).by_id("imports")
    (chain,) = imports.all("ol", "chain")
    assert [one.text for one in chain.all("li")] == ["/app/ktrdr/api/main.py:1", "/app/ktrdr/api/deep.py:7 in load"]
    assert "torch" in imports.text
    assert imports.text.count("No heavy package was imported") == len(ROLES) - 1


def test_what_changed_since_the_baseline_is_there() -> None:
    def grow(facts: Facts) -> None:
        layers = facts.part("contents")["layers"]
        layers[2].update(unpacked_bytes=741_000_000, by_distribution={"": 700_000_000, "pandas": 41_000_000})

    changes = parsed(page(*run({"dev": grow}))).by_id("changes")
    assert "+41.0 MB: pandas +41.0 MB" in changes.text
    assert "+41,000,000" in changes.text


def test_what_the_images_did_together_stands_beside_them() -> None:
    wrong = finding("FAIL", "operations/cancel", found="it went on", evidence={"log": "still here"})
    together = EndToEnd(outcome="FAIL", images={}, findings=[wrong])
    part = parsed(page(summarize([verdict("dev")], ["dev"]).model_copy(update={"e2e": together}))).by_id(anchor("e2e"))
    assert fields(part.by_id(f"{anchor('e2e')}-0"))["found"] == "it went on"
    assert "still here" in part.text
    assert END_TO_END_CHECKS["operations/cancel"].purpose in part.text


def test_what_was_not_seen_is_said_in_words() -> None:
    main = parsed(page(*empty())).by_id("main")
    for words in (
        "No image was verified",
        "There are no findings",
        "No image's layers were read",
        "No image was started",
    ):
        assert words in main.text


@pytest.mark.parametrize("known", [True, False])
def test_a_chart_has_a_label_and_a_table_beside_it(*, known: bool) -> None:
    summary, artifacts = run()
    root = parsed(page(summary, artifacts if known else None))
    charts = root.all("svg", "chart")
    assert bool(charts) is known
    assert all(one.attributes["role"] == "img" and one.attributes["aria-label"] for one in charts)
    assert len(root.by_id("bytes").all("table")) == (len(ROLES) + 1 if known else 0)


def test_the_page_needs_nothing_from_outside_and_has_no_script(shown: Element) -> None:
    root = shown
    assert not [one.tag for one in root if one.tag in ("script", "link", "img", "iframe", "object", "embed", "form")]
    for one in root:
        assert not [name for name in one.attributes if name.startswith("on") or name == "style"]
        assert one.attributes.get("href", "#").startswith("#")
        assert "src" not in one.attributes
    (style,) = root.all("style")
    assert "url(" not in style.text
    assert "@import" not in style.text
    (policy,) = (one for one in root.all("meta") if one.attributes.get("http-equiv") == "Content-Security-Policy")
    assert policy.attributes["content"].startswith("default-src 'none'; style-src 'sha256-")


def test_ids_are_unique_and_every_link_leads_somewhere(shown: Element) -> None:
    root = shown
    ids = [one.attributes["id"] for one in root if "id" in one.attributes]
    assert len(ids) == len(set(ids))
    assert {one.attributes["href"].removeprefix("#") for one in root.all("a")} <= set(ids)


def shape(root: Element) -> list[tuple[str, tuple[str, ...]]]:
    """A page's elements with the names of their attributes, without charts: what text must not change."""
    return [
        (one.tag, tuple(sorted(one.attributes))) for one in root if one.tag not in ("g", "rect", "text", "svg", "title")
    ]


def hostile(text: str) -> tuple[Summary, AllArtifacts]:
    """A run in which everything that an image says of itself is this text."""

    def change(facts: Facts) -> None:
        contents, record = facts.part("contents"), facts.part("record")
        contents["layers"][1]["by_distribution"] = {text: 20_000_000}
        contents["distributions"].append({"name": text, "version": text, "path": "/x", "layer": 1})
        record["steps"] = [step_of(text, cached=False, seconds=1.0, after=0.0)]
        facts.report("application")["attempts"] = [{"package": text, "phase": "use", "chain": [[text, 1, text]]}]
        facts.report("application")["imports"] = [imported(text, 1.0), imported(f"{text}.x", 0.5, text)]
        facts.part("subject")["labels"] = {text: text}
        facts.part("server").update(log=text, reply=text, health="unhealthy")

    facts = good("dev", change)
    judged = facts.verdict().model_copy(
        update={"tag": f"t{text}", "image_id": f"i{text}", "findings": [
            *facts.verdict().findings, finding(
                "FAIL", f"c{text}", expected=f"e{text}", found=f"f{text}", evidence={f"k{text}": f"v{text}"},
            ),
        ]}
    )  # fmt: skip
    return summarize([judged], ["dev"]), AllArtifacts({"dev": role_artifacts(facts)})


@pytest.fixture(scope="module")
def harmless_shape() -> list[tuple[str, tuple[str, ...]]]:
    return shape(parsed(page(*hostile("harmless"))))


@settings(max_examples=15, deadline=None)
@given(text=st.text(min_size=1, max_size=60).filter(lambda text: not CUDA_DISTRIBUTION.match(text)))
@example(text="\x1b[31mred\x00\u202e")
def test_text_of_an_image_is_never_markup(text: str, harmless_shape: list[tuple[str, tuple[str, ...]]]) -> None:
    assert shape(parsed(page(*hostile(text)))) == harmless_shape


@pytest.mark.parametrize("text", INJECTIONS)
def test_markup_of_an_image_is_shown_as_the_text_that_it_is(
    text: str, harmless_shape: list[tuple[str, tuple[str, ...]]]
) -> None:
    root = parsed(page(*hostile(text)))
    assert shape(root) == harmless_shape
    for shown in (f"t{text}", f"i{text}", f"c{text}", f"e{text}", f"f{text}", f"k{text}: v{text}"):
        assert one_line(shown, 1000) in root.text
    assert any(text in one.text for one in root.by_id("bytes").all("title"))


def test_controls_and_invisible_characters_give_way_and_other_values_stay() -> None:
    assert harmless("a\x00b\u202ec") == "a\ufffdb\ufffdc"
    assert harmless(3) == 3


@pytest.mark.parametrize("purpose", PURPOSES.values())
def test_what_a_check_is_for_is_told_with_names_as_code(purpose: str) -> None:
    (shown,) = parsed(f"<p>{marked(purpose)}</p>").all("p")
    assert shown.text == purpose.replace("`", "")
    assert [one.text for one in shown.all("code")] == purpose.split("`")[1::2]


def test_code_in_words_is_no_way_around_the_escaping() -> None:
    assert marked("`<b>` & \x00") == "<code>&lt;b&gt;</code> &amp; \ufffd"


def test_of_many_images_those_off_the_screen_are_laid_out_later() -> None:
    of_few, of_many = (parsed(page(many(roles, roles))).by_id("findings") for roles in (8, 9))
    assert ("long" in of_few.classes, "long" in of_many.classes) == (False, True)


def many(roles: int, findings: int, size: int = 100) -> Summary:
    """A summary of so many images with so many findings in all."""
    names = [f"role-{number}" for number in range(roles)]
    some = [
        finding(
            ("FAIL", "ERROR", "PASS", "SKIP", "UNVERIFIED")[number % 5],
            f"check-{number}", expected="<expected> " * 9, found="<found> " * 12, evidence={"log": "<line>\n" * size},
        )
        for number in range(findings // roles)
    ]  # fmt: skip
    return summarize([verdict(name, *some) for name in names], names)


def test_a_page_of_twenty_images_with_three_thousand_findings_is_small_and_says_what_it_shortened() -> None:
    text = page(many(20, 3000))
    assert len(text.encode()) < LIMIT
    root = parsed(text)
    assert len(root.all("dd", "found")) == 3000
    assert "lines left out" in root.text or CUT in root.text


def test_a_page_of_letters_that_take_three_bytes_is_as_small() -> None:
    names = [f"role-{number}" for number in range(20)]
    some = [
        finding("FAIL", f"check-{number}", found="語" * 4000, evidence={"log": "語\n" * 900}) for number in range(38)
    ]
    text = page(summarize([verdict(name, *some) for name in names], names))
    assert len(text.encode()) < LIMIT
    assert CUT in text


def test_a_page_that_would_be_too_long_is_shortened_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    summary = many(4, 200)
    whole = page(summary)
    limit = len(whole.encode()) * 2 // 3
    monkeypatch.setattr("verify.report.page.LIMIT", limit)
    text = page(summary)
    assert CUT not in whole
    assert len(text.encode()) < limit
    assert CUT in text
    assert len(parsed(text).all("dd", "found")) == 200


def test_artifacts_that_cannot_be_read_are_left_out(tmp_path: Any) -> None:
    (tmp_path / "contents.json").write_text("{", encoding="utf-8")
    artifacts = read_all_artifacts({"dev": tmp_path})
    assert artifacts.contents == {}
    assert "No image's layers were read" in page(summarize([verdict("dev")], ["dev"]), artifacts)


def test_a_report_of_the_application_that_is_malformed_is_left_out() -> None:
    facts = good("dev", lambda facts: facts.report("application").update(imports="many"))
    assert AllArtifacts({"dev": role_artifacts(facts)}).applications == {}
