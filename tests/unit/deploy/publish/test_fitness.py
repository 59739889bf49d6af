"""An image is published only if its verdict is PASS, for that very identity, by today's contract."""

import json
from typing import Any

import pytest

from deploy.artifacts import BILL, BUILD, VERDICT
from deploy.errors import Exit, Problem
from tests.support.publishing import Workshop, config_for
from tests.support.registries import Held
from tests.support.summaries import finding

ROLE = "backend"


def reason(shop: Workshop, *roles: str) -> Problem:
    with pytest.raises(Problem) as told:
        shop.publish(*(roles or (ROLE,)))
    assert told.value.code == Exit.FAILED
    assert shop.pushed == []
    assert shop.held.asked == []  # nobody was asked before every image was known to be fit
    return told.value


@pytest.mark.parametrize("name", [VERDICT, BUILD, BILL])
def test_without_its_records_an_image_is_not_published(shop: Workshop, name: str) -> None:
    shop.verify(ROLE)
    shop.artifacts.path(ROLE, name).unlink()
    told = reason(shop)
    assert f"there is no {shop.artifacts.path(ROLE, name)}" in told.wrong
    assert told.next_step == "./noxw -s build verify -- backend"


def test_an_image_that_fails_is_not_published(shop: Workshop) -> None:
    shop.verify(ROLE, finding("FAIL", "lazy-import"))
    told = reason(shop)
    assert "its verdict is FAIL" in told.wrong
    assert told.next_step == "./noxw -s explain -- backend lazy-import"


def test_an_image_that_was_verified_by_another_contract_is_not_published(shop: Workshop) -> None:
    shop.verify(ROLE, contract="sha256:old")
    told = reason(shop)
    assert "sha256:old" in told.wrong
    assert shop.contract.digest in told.wrong


def test_an_image_whose_verdict_names_no_contract_is_not_published(shop: Workshop) -> None:
    shop.verify(ROLE, contract="")
    assert "a contract that it does not name" in reason(shop).wrong


def test_a_tag_that_moved_after_the_verification_is_refused_with_both_identities(shop: Workshop) -> None:
    shop.verify(ROLE)
    before = shop.engine[shop.image(ROLE).name]
    shop.engine[shop.image(ROLE).name] = config_for(ROLE, user="0")
    told = reason(shop)
    assert "the verdict is of sha256:" in told.wrong
    shop.engine[shop.image(ROLE).name] = before
    assert shop.publish(ROLE)


def test_an_image_that_the_engine_lacks_is_not_published(shop: Workshop) -> None:
    shop.verify(ROLE)
    shop.engine.clear()
    assert "the engine has no image ktrdr-backend:prod" in reason(shop).wrong


@pytest.mark.parametrize("document", [3, {}, {"metadata": {"properties": [{"name": "other", "value": "x"}]}}])
def test_a_bill_that_does_not_say_which_image_it_is_of_is_none(shop: Workshop, document: Any) -> None:
    shop.verify(ROLE)
    shop.artifacts.path(ROLE, BILL).write_text(json.dumps(document), encoding="utf-8")
    assert "the bill is of None" in reason(shop).wrong


def test_an_unreadable_record_is_told_by_its_name(shop: Workshop) -> None:
    shop.verify(ROLE)
    shop.artifacts.path(ROLE, BUILD).write_text("{", encoding="utf-8")
    assert str(shop.artifacts.path(ROLE, BUILD)) in reason(shop).wrong


def test_one_image_that_is_unfit_keeps_the_others_and_every_reason_is_told(shop: Workshop) -> None:
    shop.verify("worker-cpu")
    shop.verify(ROLE, finding("ERROR", "proof"))
    told = reason(shop, ROLE, "dev", "worker-cpu")
    assert "\n  - backend: its verdict is ERROR" in told.wrong
    assert "\n  - dev: there is no " in told.wrong
    assert "worker-cpu" not in told.wrong


def test_what_a_host_could_not_verify_keeps_no_image(shop: Workshop, held: Held) -> None:
    shop.verify(ROLE, finding("UNVERIFIED", "cuda-runtime"))
    assert shop.publish(ROLE)
    assert "prod" in held.manifests
