"""Figures as Prometheus reads them."""

import pytest

from ktrdr.web.metrics_text import RequestMetrics, family


@pytest.mark.parametrize(
    ("value", "written"),
    [(0, "0"), (1_234_567, "1234567"), (10**15 + 1, "1000000000000001"), (86_400.0625, "86400.0625"), (0.1, "0.1")],
)
@pytest.mark.parametrize(("labels", "name"), [({}, "m"), ({"a": "b"}, 'm{a="b"}')])
def test_a_figure_is_exact_however_large_it_is(labels: dict[str, str], name: str, value: float, written: str) -> None:
    line = family("m", "counter", "What.", [(labels, value)])[-1]
    assert line == f"{name} {written}"
    assert float(line.rpartition(" ")[2]) == value


def test_seconds_that_a_route_took_grow_by_every_request() -> None:
    metrics = RequestMetrics()
    metrics.add("GET", "/health", 200, 1_000_000.0)
    assert metrics.families()[-1].endswith(" 1000000.0")
    metrics.add("GET", "/health", 200, 0.25)
    assert metrics.families()[-1].endswith(" 1000000.25")
