"""Charts are in proportion: areas are bytes, widths are seconds, nothing overlaps, and every byte has its place."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.archives import SITE, distribution, file
from tests.support.archives import read as contents_of
from tests.support.cases import ROLES, application
from tests.support.pages import imported, record_of, run
from tests.support.pages import step as step_of
from verify.judge.difference import NO_DISTRIBUTION
from verify.observe.probe_reports import ApplicationReport
from verify.report import seconds, weight
from verify.report.boxes import Box, Rectangle, fitted, in_a_row, squarify

PLACE = Rectangle(10, 20, 300, 120)
some_sizes = st.lists(st.integers(1, 10**10), min_size=1, max_size=60).map(lambda sizes: sorted(sizes, reverse=True))


def overlap(one: Rectangle, other: Rectangle) -> float:
    """The area that two rectangles have in common."""
    width = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    height = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    return max(width, 0.0) * max(height, 0.0)


def inside(one: Rectangle, place: Rectangle) -> bool:
    e = 1e-6 * max(place.width, place.height)
    right, bottom = one.x + one.width - place.x - place.width, one.y + one.height - place.y - place.height
    return one.x >= place.x - e and one.y >= place.y - e and right <= e and bottom <= e


@given(sizes=some_sizes)
def test_a_treemap_s_areas_are_in_proportion_and_within_their_place(sizes: list[int]) -> None:
    found = squarify(sizes, PLACE)
    whole = PLACE.width * PLACE.height
    assert len(found) == len(sizes)
    for size, one in zip(sizes, found, strict=True):
        assert math.isclose(one.width * one.height, whole * size / sum(sizes), rel_tol=1e-6, abs_tol=1e-6)
        assert inside(one, PLACE)


@given(sizes=some_sizes)
def test_a_treemap_s_parts_do_not_overlap(sizes: list[int]) -> None:
    found = squarify(sizes[:20], PLACE)
    pairs = ((one, other) for number, one in enumerate(found) for other in found[:number])
    assert all(overlap(one, other) < 1e-3 for one, other in pairs)


def test_a_treemap_s_parts_are_nearly_square() -> None:
    found = squarify([6, 6, 4, 3, 2, 2, 1], Rectangle(0, 0, 600, 400))  # the example of the paper
    assert max(max(one.width / one.height, one.height / one.width) for one in found) < 3.4


def test_nothing_divides_a_place_into_nothing() -> None:
    assert squarify([], PLACE) == []


@given(sizes=st.lists(st.integers(0, 10**9), max_size=20))
def test_parts_in_a_row_are_in_proportion_to_the_whole(sizes: list[int]) -> None:
    found = in_a_row(sizes, PLACE, sum(sizes))
    assert all(math.isclose(before.x + before.width, after.x) for before, after in pairwise(found))
    assert math.isclose(sum(one.width for one in found), PLACE.width if sum(sizes) else 0.0)


@pytest.mark.parametrize(
    ("width", "height", "shown"),
    [
        (200, 40, ("a-long-name", "12.0 MB")),
        (60, 40, ("a-long-…", "12.0 MB")),
        (200, 16, ("a-long-name",)),
        (20, 40, ()),
        (200, 5, ()),
    ],
)
def test_labels_fit_and_a_figure_is_never_cut(width: float, height: float, shown: tuple[str, ...]) -> None:
    assert fitted(Rectangle(0, 0, width, height), "a-long-name", "12.0 MB") == shown


files = st.dictionaries(st.text("abc", min_size=1, max_size=3), st.integers(0, 5000), max_size=6)


@given(layers=st.lists(st.tuples(files, files), min_size=1, max_size=4))
def test_bytes_by_distribution_and_those_of_none_are_the_layer_s_bytes(
    layers: list[tuple[dict[str, int], dict[str, int]]],
) -> None:
    members = [
        [
            *distribution(
                f"d{number}", "1.0", *(file(f"{SITE}/d{number}/{name}", size) for name, size in owned.items())
            ),
            *(file(f"srv/{name}", size) for name, size in free.items()),
        ]
        for number, (owned, free) in enumerate(layers)
    ]
    contents = contents_of(*members)
    for layer in contents.layers:
        assert sum(layer.by_distribution.values()) == layer.unpacked_bytes
    table = weight.table({"dev": weight.parts("dev", {"dev": contents}, 1)})
    assert sum(sizes[0] for _, sizes in table) == contents.unpacked_bytes
    free_bytes = sum(sum(free.values()) for _, free in layers)
    assert dict(table).get(NO_DISTRIBUTION, [0]) == [free_bytes]


def tiles(boxes: tuple[Box, ...]) -> list[Box]:
    return [one for one in boxes if one.kind.startswith("tile")]


@pytest.mark.parametrize("form", ["wide", "narrow"])
@pytest.mark.parametrize("role", ROLES)
def test_a_treemap_has_a_tile_a_distribution_of_every_layer(role: str, form: str) -> None:
    _, artifacts = run()
    chart = weight.treemap(role, weight.parts(role, artifacts.contents, 1), form)
    whole = Rectangle(0, 0, chart.width, chart.height)
    assert all(inside(one.place, whole) for one in chart.boxes)
    titles = " ".join(one.title for one in tiles(chart.boxes))
    assert "fastapi" in titles or "smaller ones" in titles
    assert NO_DISTRIBUTION in titles


def test_small_distributions_are_drawn_together_with_all_their_bytes() -> None:
    sizes = {"large": 10**9, **{f"d{number}": 10 + number for number in range(50)}}
    part = weight.Part(1, "large", sum(sizes.values()), 9, weight.ONLY, "only here", sizes)
    titles = [one.title for one in tiles(weight.treemap("dev", [part], "wide").boxes)]
    assert titles == ["large: 1,000.0 MB (only here)", "50 smaller ones: 1.7 kB (only here)"]


def test_a_layer_is_told_by_the_images_that_have_it() -> None:
    _, artifacts = run()
    held = dict(artifacts.contents)
    only = held["dev"].layers[3].model_copy(update={"diff_id": "sha256:own"})
    held["dev"] = held["dev"].model_copy(update={"layers": [*held["dev"].layers[:3], only]})
    found = {one.number: (one.kind, one.shared) for one in weight.parts("dev", held, 1)}
    assert found[0] == (weight.EVERYWHERE, "in every image")
    assert found[3] == (weight.ONLY, "only here")
    assert weight.parts("backend", held, 1)[3].kind == weight.SOME


def test_bars_are_to_one_scale() -> None:
    _, artifacts = run()
    images = {role: weight.parts(role, artifacts.contents, 1) for role in ROLES}
    boxes = tiles(weight.bars(images, "wide").boxes)
    widths: dict[float, float] = {}
    for one in boxes:
        widths[one.place.y] = widths.get(one.place.y, 0.0) + one.place.width
    totals = [sum(part.size for part in layers) for layers in images.values()]
    for width, total in zip(widths.values(), totals, strict=True):
        assert math.isclose(width, 1000.0 * total / max(totals))


def test_a_step_waited_from_the_end_of_the_one_before_to_its_start() -> None:
    _, artifacts = run()
    cached, sync, application, rest = seconds.stretches(record_of(artifacts, "dev"))
    assert (cached.state, cached.words) == ("cached", "cached")
    assert (sync.start, round(sync.waited, 3), sync.words) == (0.9, 0.9, "1.2 s, after waiting 0.9 s")
    assert application.words == "0.4 s"
    assert rest.state == "rest"
    assert math.isclose(rest.start + rest.seconds, record_of(artifacts, "dev").seconds)


def test_what_comes_after_the_steps_is_told_apart() -> None:
    _, artifacts = run()
    record = record_of(artifacts, "dev").model_copy(update={"seconds": 9.0, "exporting_seconds": 1.0})
    export, rest = seconds.stretches(record)[3:]
    assert (export.name, export.seconds) == ("handing the image over to the engine", 1.0)
    assert export.start + export.seconds + rest.seconds == 9.0


def test_a_step_has_the_name_of_its_stage_where_the_dockerfile_gives_one() -> None:
    _, artifacts = run()
    names = ["[install 2/2] RUN x", "[stage-4 2/7] RUN x", "[2/3] RUN x", "RUN x"]
    steps = [step_of(name, cached=True, seconds=0.0, after=None) for name in names]
    record = record_of(artifacts, "dev")
    record = type(record).model_validate({**record.model_dump(by_alias=True), "steps": steps, "seconds": 0.0})
    assert [one.name for one in seconds.stretches(record)] == ["install: RUN x", "RUN x", "RUN x", "RUN x"]


def test_steps_of_a_record_that_does_not_say_when_they_began_follow_each_other() -> None:
    _, artifacts = run()
    steps = [step_of(f"[{number}/2] RUN x", cached=False, seconds=1.0, after=None) for number in (1, 2)]
    record = record_of(artifacts, "dev").model_copy(update={"steps": []})
    record = type(record).model_validate({**record.model_dump(by_alias=True), "steps": steps, "seconds": 2.0})
    assert [(one.start, one.waited) for one in seconds.stretches(record)] == [(0.0, 0.0), (1.0, 0.0)]


def report(*imports: dict[str, object]) -> ApplicationReport:
    return ApplicationReport.model_validate({**application(), "imports": list(imports)})


def test_an_icicle_s_widths_are_seconds_and_children_lie_below_who_asked_first() -> None:
    lib, json, os = imported("lib", 0.5, "app"), imported("json", 0.25, "lib"), imported("os", 0.1, "app")
    chart = seconds.icicle("dev", report(imported("app", 1.0), lib, json, os), "wide")
    boxes = {one.title.partition(":")[0]: one for one in chart.boxes}
    widths = {name: round(one.place.width) for name, one in boxes.items()}
    assert widths == {"app": 1000, "lib": 500, "json": 250, "os": 100}
    assert boxes["json"].place.y > boxes["lib"].place.y > boxes["app"].place.y
    assert boxes["os"].place.x == boxes["lib"].place.x + boxes["lib"].place.width
    assert [boxes[name].kind.split()[1] for name in ("app", "lib", "json")] == ["application", "others", "standard"]


def test_failed_imports_take_no_place_and_strange_reports_are_drawn_all_the_same() -> None:
    strange = [imported("app", -1.0), imported("x", 1.0, "nobody"), imported("x", 2.0, "x")]
    seen = report(*strange, imported("y", 1.0, "app", failed=True))
    names = [one.title.partition(":")[0] for one in seconds.icicle("dev", seen, "wide").boxes]
    assert sorted(names) == ["app", "x", "x"]
    assert seconds.icicle("dev", report(), "narrow").boxes == ()


def test_seconds_by_package_are_those_of_its_modules_own() -> None:
    seen = report(imported("app", 1.2), imported("app.x", 0.6, "app"), imported("lib", 0.5, "app.x"))
    found = [(name, round(value, 3), count) for name, value, count in seconds.by_package(seconds.tree(seen.imports))]
    assert found == [("app", 0.7, 2), ("lib", 0.5, 1)]


def test_a_layer_says_how_it_was_read() -> None:
    contents = contents_of([file("srv/a", 10)], [file("srv/b", 10**6)])
    lowest, upper = contents.layers
    contents = contents.model_copy(update={"layers": [lowest, upper.model_copy(update={"way": "in place"})]})
    parts = weight.parts("dev", {"dev": contents}, 1)
    titles = [box.title for box in weight.treemap("dev", parts, "wide").boxes if box.kind.startswith("layer")]
    assert [title.rpartition(", ")[2] for title in titles] == ["read: in place", "read: export"]
