"""A bill of materials lists what the layers hold and no more, and says where the lock knows otherwise."""

import json
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.cases import CONTRACT, REQUIRERS, ROLES, SITE, Change, good
from verify.contents.model import Contents, Package
from verify.report import sbom
from verify.report.bills import bill_of
from verify.report.sbom import bill

VALIDATOR = JsonStrictValidator(SchemaVersion.V1_6)
ZLIB = {"name": "zlib1g", "version": "1:1.2.13", "architecture": "amd64", "licences": ["Zlib", "GPL-2+"]}


def held(role: str = "dev", change: Change | None = None, **more: Any) -> tuple[Contents, dict[str, str]]:
    """What an image's layers hold, and what the lock demands of it."""
    facts = good(role, change)
    facts.part("contents").update(packages=[ZLIB], **more)
    return Contents.model_validate(facts.contents), facts.locked


def made(contents: Contents, locked: dict[str, str], tag: str = "ktrdr-backend:dev") -> dict[str, Any]:
    text = bill(tag, contents, locked, REQUIRERS)
    assert VALIDATOR.validate_str(text) is None
    document: dict[str, Any] = json.loads(text)
    return document


def components(document: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in document["components"] if one["purl"].startswith(f"pkg:{kind}/")}


def said(component: dict[str, Any], name: str) -> list[str]:
    return [one["value"] for one in component.get("properties", []) if one["name"] == name]


@pytest.mark.parametrize("role", ROLES)
def test_a_good_image_s_bill_is_valid_and_lock_and_layers_say_the_same(role: str) -> None:
    contents, locked = held(role)
    document = made(contents, locked, CONTRACT.images[role].name)
    distributions = components(document, "pypi")
    assert distributions.keys() == locked.keys()
    assert {tuple(said(one, "ktrdr:source")) for one in distributions.values()} == {("layers and uv.lock",)}
    assert said(document["metadata"], "ktrdr:missing") == []
    assert document["metadata"]["component"]["name"] == CONTRACT.images[role].name.partition(":")[0]


def test_what_the_lock_does_not_know_is_listed_and_said() -> None:
    extra = {"name": "ghost", "version": "1.0", "path": f"{SITE}/ghost-1.0.dist-info", "layer": 2}
    contents, locked = held(change=lambda facts: facts.part("contents")["distributions"].append(extra))
    assert said(components(made(contents, locked), "pypi")["ghost"], "ktrdr:source") == ["layers alone"]


def test_another_version_than_the_lock_s_is_listed_as_it_is_and_said() -> None:
    contents, locked = held()
    one = components(made(contents, {**locked, "fastapi": "0.1"}), "pypi")["fastapi"]
    assert (one["version"], said(one, "ktrdr:source")) == ("0.165.0", ["layers alone"])


def test_what_the_lock_demands_and_no_layer_holds_is_named_and_not_listed() -> None:
    contents, locked = held()
    document = made(contents, {**locked, "absent": "2.0"})
    assert said(document["metadata"], "ktrdr:missing") == ["absent 2.0"]
    assert "absent" not in components(document, "pypi")


def test_debian_s_packages_are_listed_with_their_licences() -> None:
    contents, locked = held()
    zlib = components(made(contents, locked), "deb")["zlib1g"]
    assert zlib["purl"] == "pkg:deb/debian/zlib1g@1:1.2.13"
    assert [one["license"]["name"] for one in zlib["licenses"]] == ["GPL-2+", "Zlib"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("MIT", {"license": {"id": "MIT"}}),
        ("MIT OR Apache-2.0", {"expression": "MIT OR Apache-2.0"}),
        ("BSD 3-Clause License", {"license": {"name": "BSD 3-Clause License"}}),
    ],
)
def test_a_licence_is_an_identifier_an_expression_or_a_name(text: str, found: dict[str, Any]) -> None:
    contents, locked = held(change=lambda facts: facts.part("contents")["distributions"][0].update(licence=text))
    (licence,) = components(made(contents, locked), "pypi")["fastapi"]["licenses"]
    shown = licence.get("license", licence)
    assert shown.items() >= found.get("license", found).items()


def test_what_requires_what_is_the_lock_s_word_and_the_image_requires_the_rest() -> None:
    contents, locked = held()
    document = made(contents, locked)
    edges = {one["ref"]: one.get("dependsOn", []) for one in document["dependencies"]}
    refs = {name: one["bom-ref"] for name, one in components(document, "pypi").items()}
    assert refs["torch"] in edges[refs["ktrdr"]]
    assert refs["fastapi"] in edges[document["metadata"]["component"]["bom-ref"]]


def test_the_same_image_has_the_same_bill() -> None:
    contents, locked = held()
    assert bill("a:b", contents, locked, REQUIRERS) == bill("a:b", contents, locked, REQUIRERS)


def test_a_distribution_that_lies_there_twice_is_listed_twice() -> None:
    again = {"name": "fastapi", "version": "0.165.0", "path": "/opt/x/fastapi-0.165.0.dist-info", "layer": 2}
    contents, locked = held(change=lambda facts: facts.part("contents")["distributions"].append(again))
    names = [one["name"] for one in made(contents, locked)["components"]]
    assert names.count("fastapi") == 2


@settings(max_examples=30, deadline=None)
@given(text=st.text(max_size=40))
@example(text="/")
@example(text="/ /")
@example(text="//")
def test_whatever_an_image_calls_its_parts_the_bill_is_valid(text: str) -> None:
    odd = {"name": text, "version": text, "path": f"/x/{text}", "layer": 2, "licence": text}
    contents, locked = held(change=lambda facts: facts.part("contents")["distributions"].append(odd))
    package = Package(name=text, version=text, architecture=text, licences=[text, text])
    contents = contents.model_copy(update={"packages": [*contents.packages, package]})
    made(contents, locked)


def test_a_bill_is_made_once_for_an_image_and_a_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents, locked = held()
    image = CONTRACT.images["dev"]
    first = bill_of(image, contents, locked, REQUIRERS, tmp_path)
    monkeypatch.setattr(sbom, "bill", lambda *_: "made again")
    assert bill_of(image, contents, locked, REQUIRERS, tmp_path) == first
    assert bill_of(image, contents, {**locked, "more": "1"}, REQUIRERS, tmp_path) == "made again"


def test_a_bill_that_cannot_be_kept_is_made_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("no directory", encoding="utf-8")
    contents, locked = held()
    assert json.loads(bill_of(CONTRACT.images["dev"], contents, locked, REQUIRERS, tmp_path / "kept"))
