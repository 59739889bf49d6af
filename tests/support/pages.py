"""A page as its elements, and runs with every kind of finding, for the tests of what is drawn."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser
from typing import Any

from deploy.build_record import BuildRecord
from tests.support.breakages import EVERY
from tests.support.cases import ROLES, Change, Facts, good
from verify.contents.model import Contents
from verify.report.artifacts import AllArtifacts, RoleArtifacts
from verify.report.model import Summary
from verify.report.summary import summarize

VOID = {"meta", "rect", "link", "br", "hr", "img", "input"}


@dataclass
class Element:
    """One element of a page."""

    tag: str
    attributes: dict[str, str]
    children: list["Element"] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    @property
    def classes(self) -> set[str]:
        return set(self.attributes.get("class", "").split())

    @property
    def text(self) -> str:
        """All text in it, its own and its children's."""
        return "".join(self.texts)

    def __iter__(self) -> Iterator["Element"]:
        """All elements below it, itself first."""
        pending = [self]
        while pending:
            one = pending.pop()
            yield one
            pending += reversed(one.children)

    def all(self, tag: str = "", cls: str = "") -> list["Element"]:
        return [one for one in self if (not tag or one.tag == tag) and (not cls or cls in one.classes)]

    @cached_property
    def ids(self) -> dict[str, "Element"]:
        return {one.attributes["id"]: one for one in self if "id" in one.attributes}

    def by_id(self, name: str) -> "Element":
        return self.ids[name]


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"an attribute twice: {attrs}"
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> ends <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.texts.append(data)


def parsed(page: str) -> Element:
    """A page's elements; every one that is opened must be closed."""
    builder = _Builder()
    builder.feed(page)
    builder.close()
    assert builder.open == [builder.root], f"never closed: {[one.tag for one in builder.open[1:]]}"
    return builder.root


def role_artifacts(facts: Facts) -> RoleArtifacts:
    case = facts.case()
    return RoleArtifacts(case.maybe_record, case.maybe_contents, case.observation)


def run(changes: dict[str, Change] | None = None) -> tuple[Summary, AllArtifacts]:
    """The summary and the artifacts of a verification of all images, each changed by a test."""
    facts = {role: good(role, (changes or {}).get(role)) for role in ROLES}
    for one in facts.values():
        _enrich(one)
    summary = summarize([one.verdict() for one in facts.values()], ROLES)
    return summary, AllArtifacts({role: role_artifacts(one) for role, one in facts.items()})


def every_kind() -> tuple[Summary, AllArtifacts]:
    """A run in which each check fails, in an image of its own."""
    broken = {one.check: one for one in EVERY}.values()
    verdicts = [
        one.verdict.model_copy(update={"role": f"r{number}", "tag": f"{one.role}:r{number}"})
        for number, one in enumerate(broken)
    ]
    return summarize(verdicts, [*(one.role for one in verdicts), "missing"]), AllArtifacts()


def empty() -> tuple[Summary, AllArtifacts]:
    """A run in which nothing was looked at."""
    return summarize([], []), AllArtifacts()


def _enrich(facts: Facts) -> None:
    """Give the artifacts what a real run's have: steps, imports, bytes by distribution."""
    if facts.record is not None:
        facts.record["steps"] = [
            step("[stage-1 2/4] RUN echo 'ktrdr' >>/etc/passwd", cached=True, seconds=0.0, after=0.1),
            step("[stage-1 3/4] RUN sh /mnt/sync.sh --no-dev", cached=False, seconds=1.2, after=0.9),
            step("[stage-1 4/4] RUN sh /mnt/sync.sh --application /mnt", cached=False, seconds=0.4, after=2.1),
        ]
    if facts.probes is not None and facts.probes.get("results"):
        facts.report("application")["imports"] = [
            imported("ktrdr.api.main", 1.2),
            imported("fastapi", 0.9, "ktrdr.api.main"),
            imported("pydantic", 0.5, "fastapi"),
            imported("json", 0.05, "pydantic"),
            imported("absent", 0.01, "pydantic", failed=True),
            imported("ktrdr.settings", 0.1, "ktrdr.api.main"),
        ]
    if facts.contents is not None:
        layer = facts.contents["layers"][1]
        size = layer["unpacked_bytes"]
        layer["by_distribution"] = {"fastapi": size // 2, "uvicorn": size // 3, "": size - size // 2 - size // 3}


def step(name: str, *, cached: bool, seconds: float, after: float | None) -> dict[str, Any]:
    return {"name": name, "cached": cached, "seconds": seconds, "after": after}


def imported(module: str, seconds: float, by: str = "", *, failed: bool = False) -> dict[str, Any]:
    return {"module": module, "seconds": seconds, "by": by, "failed": failed}


def contents_of(artifacts: AllArtifacts, role: str) -> Contents:
    found = artifacts.of[role].contents
    assert found
    return found


def record_of(artifacts: AllArtifacts, role: str) -> BuildRecord:
    found = artifacts.of[role].record
    assert found
    return found
