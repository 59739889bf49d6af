"""Where the bytes went: treemaps of layers and distributions, bars to one scale, a table of the differences."""

from collections.abc import Mapping
from dataclasses import dataclass

from deploy.sizes import megabytes
from verify.contents.model import Contents
from verify.judge.difference import NO_DISTRIBUTION, by_distribution
from verify.report.boxes import LINE, Box, Chart, Rectangle, fitted, in_a_row, squarify

MB = 10**6
WIDE, NARROW = (1000.0, 440.0), (340.0, 460.0)
SMALLEST = 30.0  # square units: a smaller tile is drawn with its like
HEAD = LINE + 4
BAR = 26.0

# Which images share a layer or distribution.
EVERYWHERE, SOME, ONLY = "everywhere", "some", "only"


@dataclass(frozen=True)
class Part:
    """One layer of one image."""

    number: int
    name: str
    size: int
    files: int
    kind: str
    shared: str  # with which images, in words
    distributions: dict[str, int]
    way: str = ""  # how it was read


def short_size(size: float) -> str:
    """Bytes for a chart's label."""
    return f"{megabytes(size)} MB" if size >= MB // 10 else f"{size / 1000:,.1f} kB"


def parts(role: str, held: Mapping[str, Contents], base_layers: int) -> list[Part]:
    """Return an image's layers, the lowest first, each with the images that share it."""
    found = []
    for number, layer in enumerate(held[role].layers):
        roles = [other for other, contents in held.items() if layer.diff_id in {two.diff_id for two in contents.layers}]
        everywhere = len(held) > 1 and len(roles) == len(held)
        kind = EVERYWHERE if everywhere else SOME if len(roles) > 1 else ONLY
        shared = "in every image" if everywhere else f"in {', '.join(roles)}" if len(roles) > 1 else "only here"
        named = [name for name in layer.by_distribution if name][:2]
        name = "base image" if number < base_layers else ", ".join(named) or "no distribution"
        owners = dict(layer.by_distribution)
        found.append(Part(number, name, layer.unpacked_bytes, layer.files, kind, shared, owners, layer.way))
    return found


def treemap(role: str, layers: list[Part], form: str) -> Chart:
    """Return an image's bytes by layer, and in it by distribution: areas are bytes."""
    width, height = WIDE if form == "wide" else NARROW
    shown = sorted((layer for layer in layers if layer.size), key=lambda layer: -layer.size)
    boxes: list[Box] = []
    for part, place in zip(
        shown, squarify([layer.size for layer in shown], Rectangle(0, 0, width, height)), strict=True
    ):
        boxes += _layer(part, place)
    total = sum(layer.size for layer in layers)
    label = f"{role}: {short_size(total)} unpacked, by layer and distribution. The table below holds the figures."
    return Chart(width, height, label, tuple(boxes), form)


def _layer(part: Part, place: Rectangle) -> list[Box]:
    """Return a layer's frame with its head, and its distributions' tiles."""
    title = f"layer {part.number}: {part.name}, {short_size(part.size)}, {part.files:,} files, {part.shared}"
    if part.way:
        title += f", read: {part.way}"
    room = place.height > 3 * HEAD and place.width > 3 * HEAD
    head = f"layer {part.number}: {part.name} · {short_size(part.size)} · {part.shared}"
    lines = fitted(Rectangle(place.x, place.y, place.width, HEAD), head) if room else ()
    boxes = [Box(place, f"layer {part.kind}", title, lines)]
    inner = Rectangle(place.x + 2, place.y + HEAD, place.width - 4, place.height - HEAD - 2) if room else place
    least = SMALLEST * part.size / max(inner.width * inner.height, 1.0)
    tiles = {name or NO_DISTRIBUTION: size for name, size in part.distributions.items() if size >= least}
    small = [size for size in part.distributions.values() if 0 < size < least]
    if small:
        tiles[f"{len(small)} smaller ones"] = sum(small)
    ordered = sorted(tiles.items(), key=lambda item: -item[1])
    for (name, size), where in zip(ordered, squarify([size for _, size in ordered], inner), strict=True):
        words = fitted(where, name, short_size(size))
        boxes.append(Box(where, f"tile {part.kind}", f"{name}: {short_size(size)} ({part.shared})", words))
    return boxes


def bars(images: Mapping[str, list[Part]], form: str) -> Chart:
    """Return the images' layers side by side, all to one scale."""
    width = WIDE[0] if form == "wide" else NARROW[0]
    most = max((sum(layer.size for layer in layers) for layers in images.values()), default=0)
    boxes, y = list[Box](), 0.0
    for role, layers in images.items():
        total = sum(layer.size for layer in layers)
        words = f"{role}: {short_size(total)}"
        boxes.append(Box(Rectangle(0, y, width, LINE + 4), "label", words, (words,)))
        places = in_a_row([layer.size for layer in layers], Rectangle(0, y + LINE + 4, width, BAR), most)
        for part, place in zip(layers, places, strict=True):
            title = f"{role}, layer {part.number}: {part.name}, {short_size(part.size)}, {part.shared}"
            boxes.append(Box(place, f"tile {part.kind}", title, fitted(place, part.name)))
        y += LINE + 4 + BAR + 8
    return Chart(width, max(y, 1.0), "Unpacked bytes by layer, all images to one scale", tuple(boxes), form)


def table(images: Mapping[str, list[Part]]) -> list[tuple[str, list[int]]]:
    """Return each distribution with its bytes in every image, the largest first; files of no distribution come last."""
    totals = {role: by_distribution([layer.distributions for layer in layers]) for role, layers in images.items()}
    names = {name for total in totals.values() for name in total}
    rows = [(name or NO_DISTRIBUTION, [total[name] for total in totals.values()]) for name in names]
    return sorted(rows, key=lambda row: (row[0] == NO_DISTRIBUTION, -max(row[1]), row[0]))
