"""Files lie beside the image that they are of, in registries of either kind, and are read back to the byte."""

from typing import Any

import pytest

from deploy.errors import Exit, Problem
from deploy.publish import registry
from deploy.publish.reference import Reference
from deploy.publish.registry import INDEX, MANIFEST, Artifact, Repository
from deploy.publish.statements import sha256
from tests.support.publishing import config_for, identity
from tests.support.registries import Held

KIND = "application/vnd.some.kind"
FILE = Artifact(KIND, b"some file", "file.txt", annotations={"a": "b"})
OWN, OTHER = config_for("dev"), config_for("dev", user="0")


def at(held: Held, version: str = ":1") -> Repository:
    return Repository(Reference.read(f"{held.host}/some/name{version}"))


def attached(held: Held, version: str = ":1") -> str:
    repository = at(held, version)
    return repository.attach(FILE, repository.image(identity("dev")))


def listed(held: Held, subject: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = held.document(subject.replace(":", "-"))["manifests"]
    return found


def problem(held: Held, version: str = ":1") -> Problem:
    with pytest.raises(Problem) as raised:
        attached(held, version)
    return raised.value


def test_a_file_refers_to_the_image_and_is_there_to_the_byte(held: Held) -> None:
    image = held.take_image("1", OWN)
    assert attached(held) in held.manifests
    (one,) = listed(held, image)
    assert (one["mediaType"], one["artifactType"], one["annotations"]) == (MANIFEST, KIND, {"a": "b"})
    manifest = held.document(one["digest"])
    assert manifest["subject"] == {"mediaType": MANIFEST, "digest": image, "size": len(held.manifests[image][1])}
    (layer,) = manifest["layers"]
    assert held.blobs[layer["digest"]] == FILE.data
    assert layer["annotations"] == {"org.opencontainers.image.title": "file.txt"}
    assert manifest["config"]["digest"] in held.blobs


@pytest.mark.parametrize("knows", [True, False])
def test_what_was_attached_is_found_by_its_kind(held: Held, *, knows: bool) -> None:
    held.knows_referrers = knows
    image = held.take_image("1", OWN)
    digest = attached(held)
    ((found, file),) = at(held).referrers(image, KIND)
    assert (found, file.data, file.media_type) == (digest, FILE.data, KIND)
    assert list(at(held).referrers(image, "application/another")) == []


def attach_all(held: Held, *files: Artifact) -> str:
    image = held.take_image("1", OWN)
    for one in files:
        at(held).attach(one, at(held).image(identity("dev")))
    return image


@pytest.mark.parametrize("knows", [True, False])
def test_files_of_other_kinds_do_not_crowd_out_those_that_are_asked_for(
    held: Held, monkeypatch: pytest.MonkeyPatch, *, knows: bool
) -> None:
    monkeypatch.setattr(registry, "MOST_REFERRERS", 2)
    held.knows_referrers = knows
    others = [Artifact("application/another", b"%d" % number) for number in range(3)]
    image = attach_all(held, *others, FILE)
    assert [file.data for _, file in at(held).referrers(image, KIND)] == [FILE.data]


@pytest.mark.parametrize("knows", [True, False])
def test_of_too_many_files_the_last_are_read(held: Held, monkeypatch: pytest.MonkeyPatch, *, knows: bool) -> None:
    monkeypatch.setattr(registry, "MOST_REFERRERS", 2)
    held.knows_referrers = knows
    image = attach_all(held, *(Artifact(KIND, b"%d" % number) for number in range(4)))
    assert [file.data for _, file in at(held).referrers(image, KIND)] == [b"2", b"3"]


def test_a_list_is_read_to_its_last_page(held: Held) -> None:
    held.knows_referrers, held.a_page = True, 2
    image = attach_all(held, *(Artifact(KIND, b"%d" % number) for number in range(5)))
    assert [file.data for _, file in at(held).referrers(image, KIND)] == [b"0", b"1", b"2", b"3", b"4"]


def test_a_list_without_an_end_is_refused(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "MOST_PAGES", 2)
    held.knows_referrers, held.a_page = True, 1
    image = attach_all(held, *(Artifact(KIND, b"%d" % number) for number in range(3)))
    with pytest.raises(Problem, match="on more than 2 pages"):
        list(at(held).referrers(image, KIND))


def test_beside_an_image_to_which_nothing_refers_nothing_is_found(held: Held) -> None:
    assert list(at(held).referrers(held.take_image("1", OWN), KIND)) == []


def test_a_registry_that_knows_referrers_is_given_no_tag(held: Held) -> None:
    held.knows_referrers = True
    image = held.take_image("1", OWN)
    attached(held, f"@{image}")
    assert image.replace(":", "-") not in held.manifests


def test_a_file_that_is_there_is_listed_once_beside_what_others_attached(held: Held) -> None:
    image = held.take_image("1", OWN)
    signature = {"mediaType": MANIFEST, "digest": "sha256:signature", "size": 3}
    held.take_manifest(image.replace(":", "-"), INDEX, {"schemaVersion": 2, "manifests": [signature]})
    assert attached(held) == attached(held)
    assert [one.get("artifactType") for one in listed(held, image)] == [None, KIND]
    assert sum(one.startswith("POST") for one in held.asked) == 2  # the file and the empty configuration, once


def test_of_an_index_the_image_with_the_identity_is_meant(held: Held) -> None:
    other, own = held.take_image("other", OTHER), held.take_image("own", OWN)
    held.take_index("1", other, own)
    attached(held)
    assert listed(held, own)


def test_a_name_of_several_images_names_none(held: Held) -> None:
    held.take_index("1", held.take_image("other", OTHER), held.take_image("own", OWN))
    with pytest.raises(Problem, match="names 2 images") as told:
        at(held).only_image()
    assert told.value.code == Exit.FAILED


def test_a_tag_moves_to_the_manifest_that_it_is_given(held: Held) -> None:
    image = held.take_image("1", OWN)
    at(held).tag("prod", at(held).image(identity("dev")))
    assert held.manifests["prod"] == held.manifests[image]


def test_beside_another_image_nothing_is_put(held: Held) -> None:
    held.take_image("1", OTHER)
    told = problem(held)
    assert told.code == Exit.FAILED
    assert identity("dev") in told.wrong
    assert not [one for one in held.asked if one.startswith(("POST", "PUT"))]


def test_an_image_that_is_not_there_is_told_with_the_registry_s_words(held: Held) -> None:
    told = problem(held)
    assert "manifests/1: 404" in told.wrong
    assert "UNKNOWN" in told.wrong
    assert "publish -- --registry" in told.next_step


def spoil_config(held: Held, image: str) -> None:
    held.blobs[held.document(image)["config"]["digest"]] = b"{}"


def spoil_manifest(held: Held, image: str) -> None:
    held.manifests["1"] = (MANIFEST, b"[]")
    held.manifests[image] = (MANIFEST, b"[]")


def spoil_kind(held: Held, image: str) -> None:
    held.manifests["1"] = ("text/html", held.manifests[image][1])


def spoil_list(held: Held, image: str) -> None:
    held.take_manifest(image.replace(":", "-"), INDEX, {"manifests": 3})


@pytest.mark.parametrize("spoil", [spoil_config, spoil_manifest, spoil_kind, spoil_list])
def test_what_a_registry_must_not_answer_is_told_without_a_traceback(held: Held, spoil: Any) -> None:
    spoil(held, held.take_image("1", OWN))
    assert problem(held).code == Exit.UNAVAILABLE


def test_bytes_that_are_not_those_of_the_digest_are_not_believed(held: Held) -> None:
    image = held.take_image("1", OWN)
    held.manifests[image] = (MANIFEST, held.manifests[image][1] + b" ")
    assert "another digest" in problem(held, f"@{image}").wrong


def test_a_changed_byte_of_a_file_beside_an_image_is_refused_with_both_digests(held: Held) -> None:
    image = held.take_image("1", OWN)
    attached(held)
    held.blobs[sha256(FILE.data)] = b"some filE"
    with pytest.raises(Problem) as told:
        list(at(held).referrers(image, KIND))
    assert sha256(FILE.data) in told.value.wrong
    assert sha256(b"some filE") in told.value.wrong


def test_an_artifact_without_a_file_is_told_without_a_traceback(held: Held) -> None:
    image = held.take_image("1", OWN)
    manifest = FILE.manifest({"mediaType": MANIFEST, "digest": image, "size": 1}) | {"layers": []}
    held.knows_referrers = True
    held.take_manifest("artifact", MANIFEST, manifest)
    with pytest.raises(Problem, match="cannot be read"):
        list(at(held).referrers(image, KIND))


def test_a_digest_is_that_of_the_bytes() -> None:
    assert sha256(b"{}") == "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
