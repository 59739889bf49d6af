"""Deployments name images by the digests that were published, and refuse what is not attested."""

import pytest
import yaml

from deploy import compose
from deploy.errors import Exit, Problem
from deploy.publish.deployed import Deployed, deployed
from deploy.publish.published import read
from tests.support.publishing import Workshop, config_for, expected
from tests.support.registries import Held

ROLES = ("backend", "worker-cpu")


def names(shop: Workshop, *, unattested: bool = False) -> tuple[dict[str, Deployed], list[str]]:
    said: list[str] = []
    images = [shop.image(role) for role in ROLES]
    return deployed(images, shop.place, expected(), said.append, unattested=unattested), said


def test_each_image_is_named_by_its_digest(shop: Workshop) -> None:
    for role in ROLES:
        shop.verify(role)
    shop.publish(*ROLES)
    found, said = names(shop)
    for role in ROLES:
        digest = read(shop.place.repository(shop.image(role))).digest
        assert found[shop.image(role).name].reference == f"{shop.name(role).rpartition(':')[0]}@{digest}"
    assert said == []


def test_an_image_without_an_attestation_is_refused_unless_told_otherwise(shop: Workshop, held: Held) -> None:
    shop.verify("backend")
    shop.publish("backend")
    held.take_image("test", config_for("worker-cpu"))
    with pytest.raises(Problem, match=r"worker-cpu.*attested: none lies beside it") as told:
        names(shop)
    assert told.value.code == Exit.FAILED
    assert "--unattested" in told.value.next_step
    assert "backend" not in told.value.wrong
    found, said = names(shop, unattested=True)
    assert found.keys() == {shop.image(role).name for role in ROLES}
    assert said == ["warning: worker-cpu is taken although attested: none lies beside it"]


def test_an_image_that_was_verified_for_another_role_is_refused(shop: Workshop, held: Held) -> None:
    for role in ROLES:
        shop.verify(role)
    shop.publish(*ROLES)
    worker = read(shop.place.repository(shop.image("worker-cpu"))).digest
    held.manifests["prod"] = held.manifests[worker]
    with pytest.raises(Problem, match="it was verified as worker-cpu"):
        names(shop)


def test_compose_and_stack_take_the_published_names() -> None:
    published = {
        name: f"registry.example/{name.partition(':')[0]}@sha256:{'0' * 64}" for name in compose.images(gpu=True)
    }
    plain = yaml.safe_load(compose.COMPOSE.read_text(encoding="utf-8"))["services"]
    stacked = yaml.safe_load(compose.stack(published))["services"]
    assert {name: one["image"] for name, one in stacked.items()} == {
        name: published[plain[name]["image"]] for name in stacked
    }
    whole = yaml.safe_load(compose.compose(published, gpu=True))["services"]
    assert whole.keys() == plain.keys()
    for name, one in whole.items():
        same = one.keys() - {"image", "pull_policy"}
        assert (one["image"], one["pull_policy"]) == (published[plain[name]["image"]], "missing")
        assert {key: one[key] for key in same} == {key: plain[name][key] for key in same}
    assert "gpu-worker" not in yaml.safe_load(compose.compose(published))["services"]
