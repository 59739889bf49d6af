"""The four images' layers, read in the engine's directories, by a container in them, and from the engine's export."""

import contextlib
import secrets
from collections.abc import Iterator, Mapping

import pytest
from docker import DockerClient
from docker.errors import ImageNotFound

from deploy.artifacts import BUILD, UnreadableArtifact
from deploy.build_record import BuildRecord
from deploy.engine.connection import find_engine, sdk
from deploy.engine.labelled import RUN
from deploy.image_config import ImageConfig
from tests.support.checkout import PROJECT, read_contract
from verify.contents import archive, ways
from verify.contents.cache import CHUNK
from verify.contents.inventory import inventory
from verify.contents.raw_layer import RawLayer

CONTRACT = read_contract()


@pytest.fixture(scope="module")
def client() -> Iterator[DockerClient]:
    with contextlib.closing(sdk(find_engine(), timeout=1800.0)) as found:
        yield found


@pytest.mark.parametrize("role", CONTRACT.roles)
def test_every_way_gives_the_same_contents_to_the_byte(client: DockerClient, role: str) -> None:
    image = CONTRACT.images[role]
    try:
        config = ImageConfig.from_inspect(client.api.inspect_image(image.name))
    except ImageNotFound:
        pytest.skip(f"{image.name} is not on the engine")
    if not config.directories:
        pytest.skip("the engine does not keep a directory a layer")
    places, labels = dict(zip(config.layers, config.directories, strict=True)), {RUN: f"test-{secrets.token_hex(4)}"}
    try:
        base = PROJECT.artifacts.read(role, BUILD, BuildRecord).base
    except (FileNotFoundError, UnreadableArtifact) as error:
        pytest.skip(f"{image.name} has no build record: {error}")
    permit, info = ways.Permit(base, labels, contextlib.nullcontext), client.info()

    def contents(layers: Mapping[str, RawLayer]) -> str:
        return inventory(layers, config, image.writable).model_dump_json()

    def by_digest(layers: list[RawLayer] | None) -> dict[str, RawLayer]:
        assert layers is not None, "nobody may read there"
        return dict(zip(places, layers, strict=True))

    exported = contents(archive.read_layers(client.api.get_image(config.image_id, chunk_size=CHUNK)))
    assert contents(by_digest(ways.here(client, info, places))) == exported
    assert contents(by_digest(ways.there(client, info, config, places, permit))) == exported
    assert client.api.containers(all=True, filters={"label": f"{RUN}={labels[RUN]}"}) == []
