"""Where the seconds went: a build's steps as a time line, the application's imports as an icicle. Pure."""

import re
import sys
from collections import Counter
from dataclasses import dataclass, field

from deploy.build_record import BuildRecord, StepRecord
from verify.observe.probe_reports import ApplicationReport, Import
from verify.report.boxes import LINE, MARGIN, Box, Chart, Rectangle, fitted, in_a_row

WIDE, NARROW = 1000.0, 340.0
ROW, GAP = 18.0, 5.0
WIDE_NAMES, WORDS = 400.0, 60.0  # units that a step's name takes on a wide screen, and what became of it
TICK = 3.0  # units: the width of what took no time
DEEPEST = 14  # levels of an icicle
LEAST = 1.0  # units: narrower is not drawn


# BuildKit's name of a step begins so; its numbers are those of whichever build asked first for a step that several have
NUMBERED = re.compile(r"^\[(?:(?:stage-\d+|([\w.-]+)) +)?\d+/\d+\] ")


@dataclass(frozen=True)
class Stretch:
    """A step of a build on its time line, in seconds from the build's start."""

    name: str
    state: str  # cached, run
    start: float
    seconds: float
    waited: float  # since the step before it ended

    @property
    def words(self) -> str:
        """Its seconds in words, or that it came from the cache."""
        if self.state == "cached":
            return "cached"
        return f"{self.seconds:.1f} s" + (f", after waiting {self.waited:.1f} s" if self.waited >= 0.05 else "")  # noqa: PLR2004 - what would be 0.0 s


def stretches(record: BuildRecord) -> list[Stretch]:
    """Return a build's steps, one after the other; a record without start times shows no waiting."""
    found, end = list[Stretch](), 0.0
    for step in record.steps:
        start = end if step.after is None or step.cached else max(step.after, 0.0)
        state = "cached" if step.cached else "run"
        found.append(Stretch(_name(step), state, start, step.seconds, max(start - end, 0.0)))
        end = max(end, start + step.seconds)
    exporting = record.exporting_seconds or 0.0
    rest = {
        "handing the image over to the engine": exporting,
        "all else: finding the base image, sending the checkout": record.seconds - end - exporting,
    }
    for name, seconds in rest.items():
        if seconds > 0:
            found.append(Stretch(name, "rest", end, seconds, 0.0))
            end += seconds
    return found


def _name(step: StepRecord) -> str:
    """Return the instruction, after the name of its stage where that has one."""
    found = NUMBERED.match(step.name)
    return step.name if found is None else f"{found[1]}: " * bool(found[1]) + step.name[found.end() :]


def timeline(role: str, steps: list[Stretch], most: float, form: str) -> Chart:
    """Return a build's time line: a row a step, seconds to the right, all images to one scale of ``most`` seconds."""
    width = WIDE if form == "wide" else NARROW
    names = WIDE_NAMES if form == "wide" else 0.0  # on a narrow screen a step's name stands above its bar
    scale = (width - names - WORDS) / most if most else 0.0
    boxes, y = list[Box](), 0.0
    for step in steps:
        place = Rectangle(0, y, names or width, ROW)
        boxes.append(Box(place, "label", step.name, fitted(place, step.name)))
        y += 0 if names else LINE + 3
        if step.waited:
            place = Rectangle(names + (step.start - step.waited) * scale, y, step.waited * scale, ROW)
            boxes.append(Box(place, "step waited", f"waited {step.waited:.1f} s"))
        x, long = names + step.start * scale, max(step.seconds * scale, TICK)
        boxes.append(Box(Rectangle(x, y, long, ROW), f"step {step.state}", f"{step.name}: {step.words}"))
        short = "cached" if step.state == "cached" else f"{step.seconds:.1f} s"
        boxes.append(Box(Rectangle(x + long + MARGIN, y, WORDS, ROW), "label", step.words, (short,)))
        y += ROW + GAP
    total = sum(step.seconds for step in steps)
    label = f"{role}: {len(steps)} steps of the build, {total:.1f} s. The table below holds the figures."
    return Chart(width, max(y, 1.0), label, tuple(boxes), form)


@dataclass
class Module:
    """A module that was imported, with those that it was the first to import."""

    name: str
    seconds: float  # with what it imports
    children: list["Module"] = field(default_factory=list)

    @property
    def own(self) -> float:
        """Seconds of its own code, and of finding and reading it."""
        return max(self.seconds - sum(child.seconds for child in self.children), 0.0)


def tree(imports: list[Import]) -> list[Module]:
    """Return the modules that no other one imported, each with those that it imported; failed imports are left out."""
    roots, known = list[Module](), dict[str, Module]()
    for imported in imports:
        module = Module(imported.module, max(imported.seconds, 0.0))
        if not imported.failed:
            (known[imported.by].children if imported.by in known and imported.by != imported.module else roots).append(
                module
            )
            known[imported.module] = module
    return roots


def slowest(roots: list[Module], most: int) -> list[Module]:
    """Return the modules with the most seconds of their own."""
    found, pending = list[Module](), list(roots)
    while pending:
        module = pending.pop()
        found.append(module)
        pending += module.children
    return sorted(found, key=lambda module: (-module.own, module.name))[:most]


def icicle(role: str, seen: ApplicationReport, form: str) -> Chart:
    """Return the imports: a box a module, its width its seconds, below it what it imported first."""
    width = WIDE if form == "wide" else NARROW
    roots = tree(seen.imports)
    total = sum(module.seconds for module in roots)
    application = roots[0].name.partition(".")[0] if roots else ""
    boxes, lowest = list[Box](), 0.0
    pending = _beside(roots, Rectangle(0.0, 0.0, width, ROW), total)
    while pending:
        module, place = pending.pop()
        below = Rectangle(place.x, place.y + ROW + 1, place.width, ROW)
        lowest = max(lowest, below.y)
        title = f"{module.name}: {milliseconds(module.seconds)}, {milliseconds(module.own)} of its own"
        boxes.append(Box(place, f"module {_origin(module.name, application)}", title, fitted(place, module.name)))
        if below.y < DEEPEST * (ROW + 1):
            children = sorted(module.children, key=lambda child: -child.seconds)
            pending += [pair for pair in _beside(children, below, module.seconds) if pair[1].width >= LEAST]
    label = f"{role}: {len(seen.imports)} modules imported in {milliseconds(total)}. The table below holds the slowest."
    return Chart(width, max(lowest, 1.0), label, tuple(boxes), form)


def _beside(modules: list[Module], place: Rectangle, whole: float) -> list[tuple[Module, Rectangle]]:
    return list(zip(modules, in_a_row([module.seconds for module in modules], place, whole), strict=True))


def _origin(name: str, application: str) -> str:
    package = name.partition(".")[0]
    return "application" if package == application else "standard" if package in sys.stdlib_module_names else "others"


def by_package(roots: list[Module]) -> list[tuple[str, float, int]]:
    """Return each top-level package with the seconds of its modules' own, and how many they are; slowest first."""
    seconds, counts = Counter[str](), Counter[str]()
    for module in slowest(roots, sys.maxsize):
        package = module.name.partition(".")[0]
        seconds[package] += module.own  # type: ignore[assignment]  # a Counter adds up anything
        counts[package] += 1
    return [(name, value, counts[name]) for name, value in seconds.most_common()]


def milliseconds(seconds: float) -> str:
    """Seconds for a chart's label."""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"
