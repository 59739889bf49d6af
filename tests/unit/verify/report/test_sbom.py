"""A bill of materials lists what the layers hold and no more, and says where the lock knows otherwise."""

import json
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.cases import CONTRACT, ROLES, SITE, Change, Facts, good
from tests.support.paths_above import REQUIRERS
from verify.contents.model import Contents, Package
from verify.report import sbom
from verify.report.bills import bill_of
from verify.report.sbom import bill, contradictions

VALIDATOR = JsonStrictValidator(SchemaVersion.V1_6)
ZLIB = {"name": "zlib1g", "version": "1:1.2.13", "architecture": "amd64", "layer": 0, "licences": ["Zlib", "GPL-2+"]}


Wheels = dict[str, dict[str, str]]
TAGS = ["cp311-cp311-manylinux2014_x86_64", "cp311-cp311-manylinux_2_17_x86_64"]
LINUX = "torch-2.13.0-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl"
WHEELS: Wheels = {
    "torch": {
        "torch-2.13.0-cp311-cp311-musllinux_1_2_x86_64.whl": "1" * 64,
        "torch-2.12.0-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl": "2" * 64,
        "torch-2.13.0-cp311-cp311-manylinux2014_x86_64.whl": "3" * 64,
        LINUX: "4" * 64,
        "torch.whl": "5" * 64,
    }
}


def held(role: str = "dev", change: Change | None = None, **more: Any) -> tuple[Contents, dict[str, str]]:
    """What an image's layers hold, and what the lock demands of it."""
    facts = good(role, change)
    facts.part("contents").update(packages=[ZLIB], **more)
    return Contents.model_validate(facts.contents), facts.locked


def made(
    contents: Contents, locked: dict[str, str], tag: str = "ktrdr-backend:dev", wheels: Wheels | None = None
) -> dict[str, Any]:
    text = bill(tag, contents, locked, REQUIRERS, wheels or {})
    assert VALIDATOR.validate_str(text) is None
    document: dict[str, Any] = json.loads(text)
    assert contradictions(document) == []
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


def torch(version: str, tags: list[str]) -> dict[str, Any]:
    """The component of a torch of this version, whose wheel had these tags."""

    def change(facts: Facts) -> None:
        (one,) = (one for one in facts.part("contents")["distributions"] if one["name"] == "torch")
        one.update(version=version, tags=tags, licence="BSD-3-Clause")

    contents, locked = held("worker-gpu", change)
    return components(made(contents, locked, wheels=WHEELS), "pypi")["torch"]


def test_a_distribution_has_the_hash_of_the_very_wheel_that_was_installed_and_its_licence() -> None:
    found = torch("2.13.0", TAGS)
    assert found["hashes"] == [{"alg": "SHA-256", "content": "4" * 64}]
    assert said(found, "ktrdr:wheel") == [LINUX]
    assert [one["license"]["id"] for one in found["licenses"]] == ["BSD-3-Clause"]
    assert said(found, "ktrdr:no-hash") == []


@pytest.mark.parametrize(
    ("version", "tags", "told"),
    [
        ("2.13.0+cpu", TAGS, f"version 2.13.0+cpu with these tags: {', '.join(TAGS)}"),  # from an injected source
        ("2.13.0", ["cp311-cp311-linux_x86_64"], "version 2.13.0 with these tags: cp311-cp311-linux_x86_64"),
        ("2.13.0", [], "version 2.13.0 with these tags: none told"),
        ("no version", TAGS, "version no version"),
    ],
)
def test_what_the_lock_has_no_wheel_of_has_no_hash_and_says_so(version: str, tags: list[str], told: str) -> None:
    found = torch(version, tags)
    assert "hashes" not in found
    assert told in said(found, "ktrdr:no-hash")[0]


def test_components_that_are_called_alike_in_everything_are_told_apart() -> None:
    contents, locked = held()
    (zlib,) = contents.packages
    again = zlib.model_copy(update={"licences": ["MIT"]})
    document = made(contents.model_copy(update={"packages": [zlib, again]}), locked)
    references = [one["bom-ref"] for one in document["components"] if one["name"] == "zlib1g"]
    assert sorted(references) == ["deb:zlib1g@1:1.2.13:amd64", "deb:zlib1g@1:1.2.13:amd64#2"]


def twice(document: dict[str, Any]) -> None:
    document["components"].append({**document["components"][0], "version": "0"})


def nowhere(document: dict[str, Any]) -> None:
    document["dependencies"][0].setdefault("dependsOn", []).append("pypi:ghost@1.0")


def of_nobody(document: dict[str, Any]) -> None:
    document["dependencies"].append({"ref": "pypi:ghost@1.0"})


def the_image_s(document: dict[str, Any]) -> None:
    document["components"][0]["bom-ref"] = document["metadata"]["component"]["bom-ref"]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (twice, "is 2 components"),
        (nowhere, "pypi:ghost@1.0, in a dependency, is no component"),
        (of_nobody, "pypi:ghost@1.0, in a dependency, is no component"),
        (the_image_s, "sha256:identity is 2 components"),
    ],
)
def test_a_bill_that_contradicts_itself_is_found_though_a_strict_validator_passes_it(spoil: Any, told: str) -> None:
    contents, locked = held()
    document = made(contents, locked)
    spoil(document)
    assert VALIDATOR.validate_str(json.dumps(document)) is None
    assert any(told in one for one in contradictions(document)), contradictions(document)


def test_dependencies_that_are_said_twice_are_found() -> None:
    contents, locked = held()
    document = made(contents, locked)
    document["dependencies"].append({**document["dependencies"][0], "dependsOn": []})
    assert any("has its dependencies 2 times" in one for one in contradictions(document))


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
    assert bill("a:b", contents, locked, REQUIRERS, WHEELS) == bill("a:b", contents, locked, REQUIRERS, WHEELS)


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
    package = Package(name=text, version=text, architecture=text, layer=0, licences=[text, text])
    contents = contents.model_copy(update={"packages": [*contents.packages, package]})
    made(contents, locked)


def test_a_bill_is_made_once_for_an_image_and_a_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents, locked = held()
    image = CONTRACT.images["dev"]
    first = bill_of(image, contents, locked, REQUIRERS, WHEELS, cache=tmp_path)
    monkeypatch.setattr(sbom, "bill", lambda *_: "made again")
    assert bill_of(image, contents, locked, REQUIRERS, WHEELS, cache=tmp_path) == first
    (layer, *rest) = contents.layers
    elsewhere = contents.model_copy(update={"layers": [layer.model_copy(update={"way": "in place"}), *rest]})
    assert bill_of(image, elsewhere, locked, REQUIRERS, WHEELS, cache=tmp_path) == first
    assert bill_of(image, contents, {**locked, "more": "1"}, REQUIRERS, WHEELS, cache=tmp_path) == "made again"
    assert bill_of(image, contents, locked, REQUIRERS, {}, cache=tmp_path) == "made again"


def test_a_bill_that_cannot_be_kept_is_made_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("no directory", encoding="utf-8")
    contents, locked = held()
    assert json.loads(bill_of(CONTRACT.images["dev"], contents, locked, REQUIRERS, WHEELS, cache=tmp_path / "kept"))
