"""Behaviour is observed anew each time: the same files in another environment, or with nowhere to write, are seen."""

import subprocess

import pytest

from deploy.artifacts import BUILD, CONTENTS
from deploy.build_record import BuildRecord
from deploy.image_config import ImageConfig
from tests.integration.conftest import Checkout, Ended, Images
from verify.contents.model import Contents

ROLE = "backend"


def verify(images: Images, checkout: Checkout) -> Ended:
    """Verify what the checkout's tag points to, as if it had been built so; its layers are the good image's."""
    config = ImageConfig.from_inspect(images.client.api.inspect_image(checkout.name(ROLE)))
    assert list(config.layers) == images.records[ROLE].layers
    seen = {"image_id": config.image_id, "identity": config.identity, "tag": checkout.name(ROLE)}
    checkout.artifacts.write(ROLE, BUILD, images.records[ROLE].model_copy(update=seen))
    assert checkout.artifacts.read(ROLE, BUILD, BuildRecord).tag == checkout.name(ROLE)
    return checkout.verify(ROLE)


def same_contents(images: Images, checkout: Checkout) -> bool:
    """Whether the same was read of the files as of the good image's; what may be written there, the contract says."""
    good, seen = (one.read(ROLE, CONTENTS, Contents) for one in (images.artifacts, checkout.artifacts))
    of_another = {"identity", "writable"}
    return good.model_dump(exclude=of_another) == seen.model_dump(exclude=of_another)


def test_the_same_files_in_another_environment_are_seen_to_behave_otherwise(images: Images, checkout: Checkout) -> None:
    dockerfile = f"FROM {images.contract.images[ROLE].name}\nENV KTRDR_DATA_DIR=/nowhere\n"
    command = [*images.engine.command(), "buildx", "build", "--load", "--provenance=false", "--tag"]
    subprocess.run(
        [*command, checkout.name(ROLE), "-"], input=dockerfile.encode(), check=True, capture_output=True, timeout=120
    )
    ended = verify(images, checkout)
    assert ended.code == 1, ended
    assert same_contents(images, checkout)
    found = checkout.findings(ROLE)
    assert {found[name].outcome for name in ("contents", "lock-parity", "size-added")} == {"PASS"}
    assert "FAIL" in {found[name].outcome for name in ("api-starts", "server-healthy")}, ended


@pytest.mark.parametrize("room", ["enough", "none"])
def test_the_very_same_image_with_nowhere_to_write_is_seen_to_behave_otherwise(
    images: Images, checkout: Checkout, room: str
) -> None:
    images.client.api.tag(images.id_of(ROLE), checkout.name(ROLE))
    if room == "none":
        contract = checkout.directory / "deploy" / "docker" / "images.toml"
        text = contract.read_text(encoding="utf-8").replace('writable = ["/data"]\n', "writable = []\n", 1)
        contract.write_text(text, encoding="utf-8")
    ended = verify(images, checkout)
    found = checkout.findings(ROLE)
    assert same_contents(images, checkout)
    assert (found["user"].outcome == "FAIL") == (room == "none"), (
        "/data is the user's, and the contract does not say so"
    )
    behaviour = {found[name].outcome for name in ("api-starts", "server-healthy")}
    assert ("FAIL" in behaviour) == (room == "none"), ended
