"""Charts made of boxes: a treemap, an icicle, a time line, bars. Layout alone, pure; what a box looks like is CSS's.

Lengths are in a chart's own units, which are pixels where it is shown at its full width.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

LETTER = 6.4  # units a letter takes on average, at the size that charts are labelled in
LINE = 13.0  # units a line takes
MARGIN = 4.0
LEAST = 3  # letters: a shorter label says nothing


@dataclass(frozen=True)
class Rectangle:
    """A place in a chart."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Box:
    """A rectangle with words: ``lines`` fit into it, ``title`` is its tooltip."""

    place: Rectangle
    kind: str
    title: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Chart:
    """A drawing with a label for screen readers."""

    width: float
    height: float
    label: str
    boxes: tuple[Box, ...] = field(default=())
    form: str = "wide"  # shown on a wide screen, on a "narrow" one, or on "every" screen


def fitted(place: Rectangle, *lines: str) -> tuple[str, ...]:
    """Return the lines that a rectangle has room for: the first cut to its width, the others whole or not at all."""
    letters = int((place.width - 2 * MARGIN) / LETTER)
    rows = int((place.height - MARGIN / 2) / LINE)
    if letters < LEAST:
        return ()
    first, *others = (line if len(line) <= letters else line[: letters - 1] + "…" for line in lines)
    return (first, *(line for line in others if not line.endswith("…")))[: max(rows, 0)]


def squarify(sizes: Sequence[float], place: Rectangle) -> list[Rectangle]:
    """Divide a rectangle in proportion to the sizes, in their order, keeping each part as square as can be.

    The algorithm of Bruls, Huizing and van Wijk (Squarified Treemaps, 2000); it wants the sizes largest first, and
    above zero.
    """
    scale = place.width * place.height / sum(sizes) if sizes else 0.0
    areas = [size * scale for size in sizes]
    found: list[Rectangle] = []
    while areas:
        side = min(place.width, place.height)
        count = 1
        while count < len(areas) and _worst(areas[: count + 1], side) <= _worst(areas[:count], side):
            count += 1
        row, areas = areas[:count], areas[count:]
        parts, place = _lay(row, place)
        found += parts
    return found


def _worst(row: list[float], side: float) -> float:
    """Return the worst ratio of the sides of a row's parts, laid along a side."""
    total, tiny = sum(row), 1e-12
    return max(side**2 * max(row) / max(total**2, tiny), total**2 / max(side**2 * min(row), tiny))


def _lay(row: list[float], place: Rectangle) -> tuple[list[Rectangle], Rectangle]:
    """Return a row's rectangles along the shorter side, and what is left of the place."""
    total = sum(row)
    if place.width >= place.height:
        width, y = min(total / max(place.height, 1e-12), place.width), place.y
        parts = []
        for area in row:
            parts.append(Rectangle(place.x, y, width, place.height * area / total))
            y += parts[-1].height
        return parts, Rectangle(place.x + width, place.y, max(place.width - width, 0.0), place.height)
    turned, rest = _lay(row, Rectangle(place.y, place.x, place.height, place.width))
    back = [Rectangle(box.y, box.x, box.height, box.width) for box in (*turned, rest)]
    return back[:-1], back[-1]


def in_a_row(sizes: Iterable[float], place: Rectangle, whole: float) -> list[Rectangle]:
    """Return rectangles side by side, the place's width standing for the whole."""
    found, x = [], place.x
    for size in sizes:
        width = place.width * size / whole if whole else 0.0
        found.append(Rectangle(x, place.y, width, place.height))
        x += width
    return found
