"""What changed since the baseline is told to the byte, with the distributions that caused it, largest first."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.cases import baseline, contents, good
from verify.contents.model import Contents
from verify.judge.difference import Difference, ImageBaseline, difference, signed
from verify.judge.verdict import Finding

MB = 10**6
Sizes = dict[str, int]
sizes = st.dictionaries(st.sampled_from(["", "torch", "numpy", "pandas"]), st.integers(1, 10**10))


def held(layers: list[Sizes]) -> Contents:
    """Contents with these layers above a base of one."""
    document: dict[str, Any] = contents("dev")
    above = [
        {**document["layers"][1], "unpacked_bytes": sum(layer.values()), "by_distribution": layer} for layer in layers
    ]
    return Contents.model_validate({**document, "layers": [document["layers"][0], *above]})


def earlier(layers: list[Sizes], **more: Any) -> ImageBaseline:
    above = [{"unpacked_bytes": sum(layer.values()), "by_distribution": layer} for layer in layers]
    return ImageBaseline.model_validate({**baseline("dev"), "layers": above, **more})


def changed(then: list[Sizes], now: list[Sizes]) -> Difference:
    return difference(earlier(then), held(now), 1, 320)


def test_what_grew_is_named_largest_first() -> None:
    found = changed([{"torch": 900 * MB, "": 5}], [{"torch": 900 * MB, "": 5}, {"numpy": 11 * MB, "pandas": 30 * MB}])
    assert found.words == "+41.0 MB: pandas +30.0 MB, numpy +11.0 MB"


def test_another_version_is_named_beside_the_bytes_that_it_brought() -> None:
    then = earlier([{"torch": 900 * MB, "fastapi": MB}], versions={"torch": "2.12.0+cpu"})
    found = difference(then, held([{"torch": 950 * MB, "fastapi": 2 * MB}]), 1, 320)
    assert found.words.startswith("+51.0 MB: torch +50.0 MB (2.12.0+cpu to 2.13.0+cpu), fastapi +1.0 MB")


def test_modules_that_the_import_loads_more_or_less_are_told_with_the_bytes() -> None:
    assert difference(earlier([{"torch": 9}], new_modules=300), held([{"torch": 9}]), 1, 320).words.endswith(
        "; +20 modules"
    )


def test_what_moved_to_another_layer_has_not_changed() -> None:
    assert changed([{"torch": 9}, {"numpy": 1}], [{"numpy": 1}, {"torch": 9}]).by_distribution == {}


def test_only_the_largest_changes_are_named_in_a_sentence_and_the_others_counted() -> None:
    found = changed([], [{f"d{number}": number * MB for number in range(1, 8)}])
    assert found.words == "+28.0 MB: d7 +7.0 MB, d6 +6.0 MB, d5 +5.0 MB, d4 +4.0 MB and 3 more"


@given(then=st.lists(sizes, max_size=4), now=st.lists(sizes, max_size=4))
def test_the_changes_by_distribution_are_the_whole_change_to_the_byte(then: list[Sizes], now: list[Sizes]) -> None:
    found = changed(then, now)
    assert sum(found.by_distribution.values()) == found.added_bytes
    assert found.added_bytes == sum(sum(one.values()) for one in now) - sum(sum(one.values()) for one in then)


def test_the_base_image_s_bytes_are_not_compared() -> None:
    facts = good("dev")
    facts.part("contents")["layers"][0].update(unpacked_bytes=130 * MB, by_distribution={"": 130 * MB})
    found = facts.verdict().difference
    assert found is not None
    assert found.added_bytes == 0


def test_versions_that_came_went_or_changed_are_told() -> None:
    then = earlier([], versions={"torch": "2.12.0+cpu", "gone": "1.0"})
    found = difference(then, held([]), 1, 320).versions
    assert (found["torch"], found["gone"], found["fastapi"]) == (
        ["2.12.0+cpu", "2.13.0+cpu"],
        ["1.0", ""],
        ["", "0.165.0"],
    )


@pytest.mark.parametrize(("then", "now", "change"), [(300, 320, 20), (None, 320, None), (300, None, None)])
def test_modules_are_compared_where_both_runs_counted_them(
    then: int | None, now: int | None, change: int | None
) -> None:
    assert difference(earlier([], new_modules=then), held([]), 1, now).new_modules == change


@pytest.mark.parametrize(
    ("size", "text"),
    [(41 * MB, "+41.0 MB"), (-2_700 * MB, "-2,700.0 MB"), (99_999, "+100.0 kB"), (-1500, "-1.5 kB"), (12, "+12 B")],
)
def test_sizes_have_a_sign_and_a_unit_that_suits_them(size: int, text: str) -> None:
    assert signed(size) == text


def test_an_image_that_the_baseline_does_not_know_has_no_difference() -> None:
    facts = good("dev")
    facts.baseline = None
    assert facts.verdict().difference is None
    assert facts.findings()["size-growth"].outcome == "SKIP"


@pytest.mark.parametrize(("size", "outcome"), [(10 * MB, "PASS"), (10 * MB + 1, "FAIL")])
def test_growth_is_bounded_to_the_byte_and_told_with_who_requires_what_grew(size: int, outcome: str) -> None:
    facts = good("dev")
    layer = facts.part("contents")["layers"][2]
    layer.update(unpacked_bytes=layer["unpacked_bytes"] + size)
    layer["by_distribution"] = {**layer["by_distribution"], "numpy": size}
    finding = facts.findings()["size-growth"]
    assert finding.outcome == outcome
    if outcome == "FAIL":
        assert "numpy +10.0 MB (required by pandas)" in finding.found
        assert finding.evidence["layers"][1].endswith("700.0 MB then, 710.0 MB now")


def test_an_image_that_shrank_passes() -> None:
    facts = good("dev")
    facts.part("contents")["layers"][2].update(unpacked_bytes=5, by_distribution={"": 5})
    assert facts.findings()["size-growth"].outcome == "PASS"


def grown(size: int, *, layers: int = 0, **more: int) -> Finding:
    """The finding on an image whose torch layer grew by this, with so many layers of a byte, and of distributions."""
    facts = good("dev")
    held = facts.part("contents")["layers"]
    held[2].update(unpacked_bytes=held[2]["unpacked_bytes"] + size)
    held[2]["by_distribution"] = {**held[2]["by_distribution"], **more}
    for number in range(layers):
        held.append({**held[3], "diff_id": f"sha256:more{number}", "unpacked_bytes": 1, "by_distribution": {}})
    facts.part("subject")["layers"] = [one["diff_id"] for one in held]
    return facts.findings()["size-growth"]


def test_what_grew_is_evidence_only_where_it_grew_too_much() -> None:
    finding = grown(10 * MB, numpy=10 * MB)
    assert (finding.found, finding.evidence) == ("+10.0 MB", {})
    assert finding.expected == "at most 10.0 MB more than the baseline (fedcba987654, 2026-11-20)"


def test_a_layer_is_told_with_its_place_in_the_image_and_one_that_was_not_there_with_nothing_then() -> None:
    assert grown(11 * MB, layers=1).evidence["layers"] == [
        "layer 1: 20.0 MB then, 20.0 MB now",
        "layer 2: 700.0 MB then, 711.0 MB now",
        "layer 3: 0.6 MB then, 0.6 MB now",
        "layer 4: 0.0 MB then, 0.0 MB now",
    ]


def test_who_grew_by_a_byte_is_among_the_causes_and_who_shrank_is_not() -> None:
    finding = grown(11 * MB, **{"numpy": 11 * MB, "pandas": 1, "": 699 * MB})
    assert finding.evidence["grown"] == {
        "numpy": "+11.0 MB (required by pandas)",
        "pandas": "+1 B (required by ktrdr)",
    }


def test_a_dozen_causes_are_kept_as_evidence_and_four_are_named_in_the_sentence() -> None:
    finding = grown(20 * MB, **{f"d{number:02}": (20 - number) * MB for number in range(15)})
    assert list(finding.evidence["grown"]) == [f"d{number:02}" for number in range(12)]
    assert finding.found == "+20.0 MB: d00 +20.0 MB, d01 +19.0 MB, d02 +18.0 MB, d03 +17.0 MB"
