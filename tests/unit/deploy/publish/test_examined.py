"""What lies beside a published image is believed only if it is whole, signed by the key, of this image, and fresh."""

import dataclasses
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy.publish.examined import Envelope, Published, examine
from deploy.publish.published import read
from deploy.publish.signing import key_of, make
from tests.support.publishing import Workshop, expected
from tests.support.summaries import finding

ROLE = "backend"


@pytest.fixture
def published(shop: Workshop, key: Path) -> Published:
    """A published image, with signed statements."""
    shop.verify(ROLE)
    shop.publish(ROLE, key=key)
    return read(shop.place.repository(shop.image(ROLE)))


@pytest.fixture
def due(key: Path) -> Callable[..., Any]:
    return lambda **changes: expected(**{"key": key_of(key.with_name("own.key.pub")), **changes})


def outcomes(published: Published, wanted: Any) -> dict[str, str]:
    return {one.check: one.outcome for one in examine(published, wanted).findings}


def fault(published: Published, wanted: Any) -> tuple[str, str]:
    """The one finding that is wrong."""
    (wrong,) = [one for one in examine(published, wanted).findings if one.outcome == "FAIL"]
    assert wrong.action
    return wrong.check, wrong.found


def test_a_signed_attestation_of_this_image_holds(published: Published, due: Any) -> None:
    assert set(outcomes(published, due()).values()) == {"PASS"}


def test_an_image_without_an_attestation_is_refused(published: Published, due: Any) -> None:
    bare = dataclasses.replace(published, envelopes=())
    assert fault(bare, due()) == ("attested", "none lies beside it")


def test_an_attestation_with_a_changed_byte_is_refused(published: Published, due: Any) -> None:
    def spoilt(envelope: Envelope) -> Envelope:
        document = json.loads(envelope.data)
        document["signatures"][0]["sig"] = document["signatures"][0]["sig"].swapcase()
        return dataclasses.replace(envelope, data=json.dumps(document).encode())

    result, summary = published.envelopes
    changed = dataclasses.replace(published, envelopes=(result, spoilt(summary)))
    check, found = fault(changed, due())
    assert check == "signature"
    assert found.startswith("it names this key, and its bytes are not those that were signed")
    check, found = fault(dataclasses.replace(published, envelopes=(spoilt(result), summary)), due())
    assert check == "attested"
    assert "does not lie beside the image" in found


def test_an_attestation_by_another_key_is_refused(published: Published, due: Any, tmp_path: Path) -> None:
    other, _ = make(tmp_path / "other")
    check, found = fault(published, due(key=key_of(other)))
    assert check == "signature"
    assert found.startswith("signed by another key")


def test_an_attestation_of_another_digest_is_refused(published: Published, due: Any) -> None:
    other = dataclasses.replace(published, digest=f"sha256:{'0' * 64}")
    check, found = fault(other, due())
    assert check == "digest"
    assert published.digest in found


def test_an_attestation_of_another_identity_is_refused(published: Published, due: Any) -> None:
    assert fault(dataclasses.replace(published, identity="sha256:other"), due())[0] == "digest"


@pytest.mark.parametrize(("days", "outcome"), [(29, "PASS"), (31, "FAIL"), (-1, "FAIL")])
def test_an_old_attestation_is_refused_and_one_of_the_future(
    published: Published, due: Any, days: int, outcome: str
) -> None:
    now = expected().now + timedelta(days=days - 1)
    assert outcomes(published, due(now=now))["age"] == outcome


def test_an_attestation_by_another_contract_is_refused(published: Published, due: Any) -> None:
    assert fault(published, due(contract="sha256:new"))[0] == "contract"


def test_a_bill_that_is_gone_is_missed(published: Published, due: Any) -> None:
    check, found = fault(dataclasses.replace(published, files={}), due())
    assert check == "beside"
    assert "no bill of materials sha256:" in found


def test_without_a_key_a_signature_is_unverified(published: Published) -> None:
    assert outcomes(published, expected())["signature"] == "UNVERIFIED"
    assert examine(published, expected()).outcome == "PASS"


def test_an_unsigned_attestation_is_unverified_without_a_key_and_refused_with_one(shop: Workshop, due: Any) -> None:
    shop.verify(ROLE)
    shop.publish(ROLE)
    bare = read(shop.place.repository(shop.image(ROLE)))
    assert outcomes(bare, expected())["signature"] == "UNVERIFIED"
    assert fault(bare, due()) == ("signature", "not signed")


def test_what_a_host_could_not_verify_is_named(shop: Workshop) -> None:
    shop.verify(ROLE, finding("UNVERIFIED", "cuda-runtime"))
    shop.publish(ROLE)
    found = examine(read(shop.place.repository(shop.image(ROLE))), expected()).findings[-1]
    assert (found.outcome, found.found.partition(", ")[2]) == ("PASS", "UNVERIFIED: cuda-runtime")


def test_the_latest_attestation_that_holds_counts(
    published: Published, shop: Workshop, due: Any, key: Path, tmp_path: Path
) -> None:
    make(tmp_path / "other")
    shop.verify(ROLE, started="2026-11-21T20:00:00+00:00")
    shop.publish(ROLE, key=tmp_path / "other")  # a stranger, later
    assert published.envelopes
    shop.verify(ROLE, started="2026-11-21T15:00:00+00:00")
    shop.publish(ROLE, key=key)
    examined = examine(read(shop.place.repository(shop.image(ROLE))), due())
    assert examined.outcome == "PASS"
    assert examined.attested
    assert examined.attested.verified.hour == 15


def test_control_characters_of_a_stranger_are_not_printed(published: Published, due: Any) -> None:
    strange = dataclasses.replace(published, envelopes=(Envelope("text/\x1b[2J", b""),))
    assert "\x1b" not in fault(strange, due())[1]
