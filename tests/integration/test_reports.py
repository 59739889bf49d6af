"""What is drawn and listed of the real images: every byte has its owner, the bills are valid, the page has it all."""

import json

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from deploy.artifacts import BILL, CONTENTS, OBSERVED
from deploy.uv_lock import wheels
from tests.integration.conftest import Images
from tests.support.checkout import PROJECT, read_contract
from tests.support.pages import parsed
from verify.contents.model import Contents
from verify.observe.model import Observation
from verify.observe.probe_reports import ApplicationReport
from verify.report.sbom import contradictions

ROLES = read_contract().roles
PAGE_AT_MOST = 1_000_000  # bytes, for four images


@pytest.fixture(params=ROLES)
def role(request: pytest.FixtureRequest, images: Images) -> str:
    name = str(request.param)
    images.need(name)
    return name


def test_bytes_by_distribution_and_those_of_none_are_each_layer_s_bytes(images: Images, role: str) -> None:
    for layer in images.artifacts.read(role, CONTENTS, Contents).layers:
        assert sum(layer.by_distribution.values()) == layer.unpacked_bytes


def test_the_bill_of_materials_is_valid_and_layers_and_lock_say_the_same(images: Images, role: str) -> None:
    text = images.artifacts.path(role, BILL).read_text(encoding="utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bill, contents = json.loads(text), images.artifacts.read(role, CONTENTS, Contents)
    assert contradictions(bill) == []
    said = [{one["name"]: one["value"] for one in part["properties"]} for part in bill["components"]]
    environment = [one for one in said if one.get("ktrdr:path", "").startswith("/opt/venv/")]  # a base may have its own
    assert {one["ktrdr:source"] for one in environment} == {"layers and uv.lock"}
    assert not [one for one in bill["metadata"]["properties"] if one["name"] == "ktrdr:missing"]
    assert len(bill["components"]) == len(contents.distributions) + len(contents.packages)


def test_every_wheel_of_the_lock_has_its_own_hash(images: Images, role: str) -> None:
    bill = json.loads(images.artifacts.path(role, BILL).read_text(encoding="utf-8"))
    said = {one["name"]: {each["name"]: each["value"] for each in one["properties"]} for one in bill["components"]}
    environment = [
        one for one in bill["components"] if said[one["name"]].get("ktrdr:path", "").startswith("/opt/venv/")
    ]
    without = {one["name"] for one in environment if not one.get("hashes")}
    assert without <= {"ktrdr", "torch"}  # built from the checkout; of another source than the lock's
    assert all("ktrdr:no-hash" in said[name] for name in without)
    of_the_lock = {
        digest for some in wheels(PROJECT.lock.read_text(encoding="utf-8")).values() for digest in some.values()
    }
    assert {one["hashes"][0]["content"] for one in environment if one.get("hashes")} <= of_the_lock


def test_the_packages_of_the_base_are_listed_with_licences(images: Images, role: str) -> None:
    packages = {one.name: one for one in images.artifacts.read(role, CONTENTS, Contents).packages}
    assert "libc6" in packages
    assert any(one.licences for one in packages.values())


def test_the_imports_of_the_api_were_timed(images: Images, role: str) -> None:
    run = images.artifacts.read(role, OBSERVED, Observation).probes
    assert run
    assert run.results
    seen = ApplicationReport.model_validate(run.results["application"].report)
    assert {"fastapi", "pydantic"} <= {one.module for one in seen.imports}
    assert sum(not one.failed for one in seen.imports) >= seen.new_modules // 2


def test_the_page_is_small_and_draws_every_image(images: Images) -> None:
    text = (images.artifacts.root / "report.html").read_text(encoding="utf-8")
    assert len(text.encode()) < PAGE_AT_MOST
    root = parsed(text)
    for section in ("bytes", "build", "imports"):
        titles = {one.text.split()[0] for one in root.by_id(section).all("h3")}
        assert set(images.roles) <= titles
