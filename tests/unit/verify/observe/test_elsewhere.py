"""Images that nobody here built: how the engine gets them, and how their base image is found."""

import io
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import ImageNotFound

from deploy.contract import Image
from deploy.image_config import ImageConfig
from tests.support.checkout import read_contract
from verify.observe.elsewhere import NotGottenError, base_of, get

BASE = {"Id": "sha256:b", "RootFS": {"Layers": ["sha256:1", "sha256:2"]}, "Config": {"Env": ["LANG=C.UTF-8"]}}
NAME = "org.opencontainers.image.base.name"
DIGEST = "org.opencontainers.image.base.digest"


class Client:
    """An engine that has these images, and notes what it is asked to fetch."""

    def __init__(self, *loaded: str, **images: dict[str, Any]) -> None:
        self.api, self.images = self, self
        self.known = {name.replace("_", ":"): one for name, one in images.items()}
        self.loaded, self.fetched, self.members = loaded, list[tuple[str, ...]](), list[str]()

    def inspect_image(self, name: str) -> dict[str, Any]:
        if name not in self.known:
            raise ImageNotFound(name)
        return self.known[name]

    def pull(self, name: str, tag: str, platform: str | None) -> None:
        self.fetched.append((name, tag, str(platform)))

    def load(self, file: Any) -> list[Any]:
        with tarfile.open(fileobj=io.BytesIO(file.read())) as archive:
            self.members = sorted(archive.getnames())
        return [SimpleNamespace(id=one) for one in self.loaded]

    def tag(self, image_id: str, name: str, tag: str) -> None:
        self.fetched.append((image_id, name, tag))

    def ping(self) -> None:
        pass


def image(**keys: str) -> Image:
    """The backend's table for an image that is not built here."""
    return read_contract().images["backend"].model_copy(update={"dockerfile": "", "source": "registry", **keys})


def config(*layers: str, **labels: str) -> ImageConfig:
    told = {NAME if label == "name" else DIGEST: text for label, text in labels.items()}
    return ImageConfig.from_inspect({"Id": "sha256:i", "RootFS": {"Layers": [*layers]}, "Config": {"Labels": told}})


def found(client: Any, one: Image, of: ImageConfig) -> tuple[str, str]:
    """The base image's name, and why there is none."""
    base, why = base_of(client, one, of)
    return base.reference if base else "", why


OWN = ("sha256:1", "sha256:2", "sha256:3")


def test_the_contract_names_the_base_and_the_engine_its_layers_and_settings() -> None:
    base, why = base_of(Client(python_3=BASE), image(base="python:3"), config(*OWN, name="another:1"))  # type: ignore[arg-type]
    assert why == ""
    assert base is not None
    assert (base.reference, base.layers, base.environment) == ("python:3", [*OWN[:2]], {"LANG": "C.UTF-8"})


def test_without_a_word_of_the_contract_the_labels_name_it() -> None:
    assert found(Client(python_3=BASE), image(), config(*OWN, name="python:3")) == ("python:3", "")


def test_a_tag_that_moved_since_leaves_the_label_s_digest() -> None:
    moved = {**BASE, "RootFS": {"Layers": ["sha256:9"]}}
    client = Client(python_3=moved)
    client.known["python:3@sha256:d"] = BASE
    assert found(client, image(), config(*OWN, name="python:3", digest="sha256:d")) == ("python:3", "")


@pytest.mark.parametrize(
    ("base", "labels", "layers", "why"),
    [
        ("unknown", {"name": "python:3"}, OWN, "the contract says that it is unknown"),
        ("", {}, OWN, "neither `base` of the contract nor the label"),
        ("", {"name": "python:4"}, OWN, f"the label {NAME} names python:4, which the engine does not have"),
        ("python:4", {}, OWN, "the contract names python:4, which the engine does not have: docker pull it"),
        ("python:3", {}, ("sha256:2", "sha256:1"), "python:3, and the image does not begin with its layers"),
        ("python:3", {}, ("sha256:1",), "does not begin with its layers"),
    ],
)
def test_a_base_that_is_not_known_is_told_with_the_reason(
    base: str, labels: dict[str, str], layers: tuple[str, ...], why: str
) -> None:
    reference, told = found(Client(python_3=BASE), image(base=base), config(*layers, **labels))
    assert reference == ""
    assert why in told


@pytest.mark.parametrize("of_contract", [True, False])
def test_an_image_that_adds_no_layer_to_what_it_names_has_no_known_base(*, of_contract: bool) -> None:
    one, labels = (image(base="shop:1"), {}) if of_contract else (image(), {"name": "shop:1"})
    itself = {**BASE, "RootFS": {"Layers": [*OWN]}}
    reference, told = found(Client(shop_1=itself), one, config(*OWN, **labels))
    assert reference == ""
    assert "names shop:1, and the image adds no layer to it" in told


def test_a_base_without_layers_is_none() -> None:
    empty = {**BASE, "RootFS": {"Layers": []}}
    assert found(Client(scratch_1=empty), image(base="scratch:1"), config(*OWN))[0] == ""


@pytest.mark.parametrize(
    ("name", "asked"), [("shop/api:1.4", ("shop/api", "1.4")), ("shop/api", ("shop/api", "latest"))]
)
def test_an_image_of_a_registry_is_pulled_only_where_the_engine_lacks_it(name: str, asked: tuple[str, ...]) -> None:
    lacking, having = Client(), Client()
    having.known[name] = BASE
    for client in (lacking, having):
        get(client, image(name=name), "linux/amd64")  # type: ignore[arg-type]
    assert (lacking.fetched, having.fetched) == ([(*asked, "linux/amd64")], [])


def packed(place: Path) -> Path:
    with tarfile.open(place, "w") as archive:
        archive.addfile(tarfile.TarInfo("manifest.json"))
    return place


def test_an_archive_s_one_image_gets_the_contract_s_name(tmp_path: Path) -> None:
    client, path = Client("sha256:i"), packed(tmp_path / "image.tar")
    get(client, image(source="archive", path=str(path), name="shop/api:1"), "linux/amd64")  # type: ignore[arg-type]
    assert client.members == ["manifest.json"]
    assert client.fetched == [("sha256:i", "shop/api", "1")]


def test_a_layout_is_loaded_as_the_archive_of_its_directory(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    for name in ("oci-layout", "index.json", "blobs/one"):
        (tmp_path / name).write_text("{}", encoding="utf-8")
    client = Client("sha256:i", "sha256:i")
    get(client, image(source="oci-layout", path=str(tmp_path), name="shop/api:1"), "linux/amd64")  # type: ignore[arg-type]
    assert client.members == ["blobs", "blobs/one", "index.json", "oci-layout"]
    assert client.fetched == [("sha256:i", "shop/api", "1")]


@pytest.mark.parametrize(
    ("source", "loaded", "why"),
    [
        ("archive", ("sha256:i", "sha256:j"), "holds 2 images, not one"),
        ("archive", (), "holds 0 images"),
        ("oci-layout", ("sha256:i",), "there is no OCI layout"),
    ],
)
def test_what_is_no_image_or_several_is_told(tmp_path: Path, source: str, loaded: tuple[str, ...], why: str) -> None:
    path = packed(tmp_path / "image.tar")
    with pytest.raises(NotGottenError, match=why):
        get(Client(*loaded), image(source=source, path=str(path)), "linux/amd64")  # type: ignore[arg-type]


def test_an_archive_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotGottenError, match=r"there is no archive at .*none"):
        get(Client(), image(source="archive", path=str(tmp_path / "none")), "linux/amd64")  # type: ignore[arg-type]
