"""What is published is whole: image, bill, build record and statements; tags move when everything is there."""

from pathlib import Path
from typing import Any

import pytest

from deploy.artifacts import BILL, BUILD
from deploy.errors import Exit, Problem
from deploy.publish import send
from deploy.publish.examined import examine
from deploy.publish.published import BILL_KIND, RECORD_KIND, read
from deploy.publish.registry import Repository
from deploy.publish.signing import key_of
from deploy.publish.statements import IN_TOTO
from tests.support.publishing import VERIFIER, Workshop, config_for, expected, identity
from tests.support.registries import Held

ROLE = "backend"


def repository(shop: Workshop, role: str = ROLE) -> Repository:
    return shop.place.repository(shop.image(role))


def test_what_was_published_is_read_back_and_holds(shop: Workshop, key: Path) -> None:
    shop.verify(ROLE)
    said = shop.publish(ROLE, key=key)
    published = read(repository(shop))
    assert published.identity == identity(ROLE)
    assert f"{ROLE:<12}  {shop.name(ROLE)}  {published.digest}" in said
    files = {shop.artifacts.path(ROLE, name).read_bytes() for name in (BILL, BUILD)}
    assert set(published.files.values()) == files
    examined = examine(published, expected(key=key_of(key.with_name("own.key.pub"))))
    assert [one.outcome for one in examined.findings] == ["PASS"] * 7
    assert examined.attested
    assert examined.attested.verifier == VERIFIER


def test_beside_the_image_lie_a_bill_a_record_and_two_statements(shop: Workshop, held: Held) -> None:
    shop.verify(ROLE)
    shop.publish(ROLE)
    listed = held.document(read(repository(shop)).digest.replace(":", "-"))["manifests"]
    assert [one["artifactType"] for one in listed] == [BILL_KIND, RECORD_KIND, IN_TOTO, IN_TOTO]
    assert [one["annotations"]["in-toto.io/predicate-type"] for one in listed[2:]] == [
        "https://in-toto.io/attestation/test-result/v0.1",
        "https://slsa.dev/verification_summary/v1",
    ]


def test_the_same_published_again_adds_nothing(shop: Workshop, held: Held, key: Path) -> None:
    shop.verify(ROLE)
    shop.publish(ROLE, key=key)
    before = (dict(held.manifests), dict(held.blobs))
    shop.publish(ROLE, key=key)
    assert (held.manifests, held.blobs) == before


def test_an_image_is_pushed_under_a_tag_of_its_identity_and_named_last(shop: Workshop, held: Held) -> None:
    shop.verify(ROLE)
    shop.publish(ROLE)
    (staged,) = shop.pushed
    assert staged == f"{held.host}/team/ktrdr-backend:verified-{identity(ROLE).removeprefix('sha256:')[:32]}"
    assert held.asked[-1] == "PUT /v2/team/ktrdr-backend/manifests/prod"


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_registry_that_takes_nothing_is_told_before_anything_is_pushed(
    shop: Workshop, held: Held, method: str
) -> None:
    shop.verify(ROLE)
    held.refuses[method] = (405, '{"errors": [{"code": "UNSUPPORTED"}]}')
    with pytest.raises(Problem, match="it is read-only") as told:
        shop.publish(ROLE)
    assert told.value.code == Exit.UNAVAILABLE
    assert shop.pushed == []


def test_where_one_image_cannot_be_sent_no_tag_has_moved(
    shop: Workshop, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.verify(ROLE)
    shop.verify("worker-cpu")
    push = send.push

    def failing(engine: Any, image_id: str, reference: Any, say: Any) -> None:
        if "worker" in reference.name:
            raise Problem("pushing", "it is full", "make room")
        push(engine, image_id, reference, say)

    monkeypatch.setattr(send, "push", failing)
    with pytest.raises(Problem, match="it is full"):
        shop.publish(ROLE, "worker-cpu")
    assert len(shop.pushed) == 1
    assert not {"prod", "test"} & held.manifests.keys()


def test_another_image_than_the_one_that_was_verified_gets_neither_attestation_nor_name(
    shop: Workshop, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.verify(ROLE)
    monkeypatch.setattr(
        send, "push", lambda _engine, _id, reference, _say: held.take_image(reference.version, config_for("other"))
    )
    with pytest.raises(Problem, match=f"expected {identity(ROLE)}") as told:
        shop.publish(ROLE)
    assert told.value.code == Exit.FAILED
    assert "prod" not in held.manifests
    assert not [tag for tag in held.manifests if tag.startswith("sha256-")]


def test_without_a_key_it_is_said_that_nobody_signed(shop: Workshop, key: Path) -> None:
    shop.verify(ROLE)
    assert "not signed" in shop.publish(ROLE)[-1]
    assert f"signed by {key_of(key.with_name('own.key.pub')).keyid[:16]}" in shop.publish(ROLE, key=key)[-1]


def test_where_the_engine_knows_no_reason_the_registry_s_own_is_told(
    shop: Workshop, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.verify(ROLE)

    def failing(*_arguments: object) -> None:
        held.refuses["POST"] = (500, "no space left on device")
        raise Problem("pushing", "received unexpected HTTP status: 500", "see the log")

    monkeypatch.setattr(send, "push", failing)
    with pytest.raises(Problem, match="it is full"):
        shop.publish(ROLE)
