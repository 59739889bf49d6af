"""An image's configuration, as engines and registries write it, and the identity that is made from it."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.image_config import BEHAVIOUR, Healthcheck, ImageConfig
from tests.support.checkout import ROOT

CONFIG: dict[str, Any] = {
    "Env": ["PATH=/usr/bin", "HOME=/home/ktrdr"],
    "User": "10001:10001",
    "WorkingDir": "/home/ktrdr",
    "Entrypoint": None,
    "Cmd": ["python", "-m", "ktrdr.worker"],
    "Healthcheck": {"Test": ["CMD", "true"], "Interval": 10_000_000_000, "Retries": 3},
    "ExposedPorts": {"8000/tcp": {}},
}
WORDS = st.lists(st.text(max_size=5), max_size=3)
PLACES: st.SearchStrategy[dict[str, Any]] = st.dictionaries(st.text(max_size=5), st.just({}), max_size=3)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "Env": WORDS, "User": st.text(), "WorkingDir": st.text(), "Entrypoint": WORDS, "Cmd": WORDS,
    "Healthcheck": st.fixed_dictionaries({}, optional={"Test": WORDS, "Retries": st.integers()}), "Shell": WORDS,
    "ExposedPorts": PLACES, "StopSignal": st.text(), "Volumes": PLACES,
}  # fmt: skip


def inspected(
    config: dict[str, Any] | None = None, layers: tuple[str, ...] = ("sha256:a", "sha256:b")
) -> dict[str, Any]:
    """What an engine says of an image."""
    return {"Id": "sha256:i", "Config": CONFIG if config is None else config, "RootFS": {"Layers": list(layers)}}


def identity(answer: dict[str, Any]) -> str:
    return ImageConfig.from_inspect(answer).identity


def test_the_identity_does_not_depend_on_the_order_of_keys() -> None:
    turned = dict(reversed([*CONFIG.items()])) | {"Healthcheck": dict(reversed([*CONFIG["Healthcheck"].items()]))}
    assert identity(inspected(turned)) == identity(inspected())


def test_the_identity_does_not_depend_on_the_engine_s_own_id_tags_or_times() -> None:
    other = {
        **inspected(),
        "Id": "sha256:other",
        "RepoTags": ["x:y"],
        "Created": "2026-01-01",
        "Size": 5,
    }
    assert identity(other) == identity(inspected())


@pytest.mark.parametrize(
    "told",
    [
        {"Os": "linux", "Architecture": "amd64"},
        {"Os": "linux", "Architecture": "amd64", "Variant": "v1"},
        {"Os": "linux", "Architecture": "amd64", "Variant": None},
    ],
)
def test_the_first_platform_s_identities_are_older_than_its_part_in_them(told: dict[str, Any]) -> None:
    found = ImageConfig.from_inspect({**inspected(), **told})
    assert (found.platform, found.identity) == ("linux/amd64", identity(inspected()))


def test_another_platform_is_another_identity() -> None:
    told = [("linux", "amd64", ""), ("linux", "amd64", "v3"), ("linux", "arm64", ""), ("linux", "arm", "v7")]
    told += [("windows", "amd64", ""), ("linux", "386", "")]
    answers = [{**inspected(), "Os": os, "Architecture": kind, "Variant": variant} for os, kind, variant in told]
    assert len({identity(answer) for answer in answers}) == len(told)


@pytest.mark.parametrize("variant", ["", "v8", "8"])
def test_a_variant_that_every_processor_has_is_none(variant: str) -> None:
    told = {"Os": "linux", "Architecture": "arm64", "Variant": variant}
    assert ImageConfig.from_inspect({**inspected(), **told}).platform == "linux/arm64"


def test_labels_are_no_part_of_the_identity() -> None:
    assert identity(inspected({**CONFIG, "Labels": {"org.opencontainers.image.revision": "x"}})) == identity(
        inspected()
    )


@pytest.mark.parametrize("nothing", [None, "", [], {}])
@pytest.mark.parametrize("key", BEHAVIOUR)
def test_what_is_empty_is_the_same_however_an_engine_writes_it(key: str, nothing: Any) -> None:
    absent = {name: value for name, value in CONFIG.items() if name != key}
    assert identity(inspected({**CONFIG, key: nothing})) == identity(inspected(absent))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Env", ["PATH=/usr/bin", "HOME=/root"]), ("Env", ["PATH=/usr/bin"]), ("User", "0"), ("WorkingDir", "/"),
        ("Entrypoint", ["sh"]), ("Cmd", ["python", "-m", "ktrdr.other"]), ("Cmd", ["-m", "python", "ktrdr.worker"]),
        ("Healthcheck", {"Test": ["NONE"]}), ("ExposedPorts", {"9000/tcp": {}}),
        ("Shell", ["/bin/other", "-c"]), ("StopSignal", "SIGKILL"), ("Volumes", {"/data": {}}),
    ],
)  # fmt: skip
def test_another_behaviour_is_another_identity(key: str, value: Any) -> None:
    assert identity(inspected({**CONFIG, key: value})) != identity(inspected())


@pytest.mark.parametrize("layers", [(), ("sha256:a",), ("sha256:b", "sha256:a"), ("sha256:a", "sha256:b", "sha256:c")])
def test_other_layers_are_another_identity(layers: tuple[str, ...]) -> None:
    assert identity(inspected(layers=layers)) != identity(inspected())


def test_an_identity_is_a_digest() -> None:
    assert identity(inspected()).startswith("sha256:")
    assert len(identity(inspected())) == len("sha256:") + 64


@pytest.mark.parametrize("answer", [{}, {"Config": None, "RootFS": None}, {"Config": {}, "RootFS": {"Type": "layers"}}])
def test_an_image_of_nothing_has_an_identity_too(answer: dict[str, Any]) -> None:
    assert ImageConfig.from_inspect(answer) == ImageConfig(image_id="", identity=identity({}), layers=())


@settings(deadline=None, max_examples=50)
@given(
    one=st.fixed_dictionaries({}, optional=VALUES),
    two=st.fixed_dictionaries({}, optional=VALUES),
)
def test_two_images_have_one_identity_only_where_they_behave_alike(one: dict[str, Any], two: dict[str, Any]) -> None:
    alike = {key: value for key, value in one.items() if value} == {key: value for key, value in two.items() if value}
    assert (identity(inspected(one)) == identity(inspected(two))) == alike


# Digests that earlier versions gave: whatever was built and verified before stays known.
@pytest.mark.parametrize(
    ("answer", "digest"),
    [
        ({}, "sha256:3790b3c6864065285fb48d87a8a33cf23a64b76b9eca5fcf7b2fc1ce49172d45"),
        (inspected(), "sha256:5e80070ed53837dd4969bc565b29bc8d5653fab52c6bf17a53722c4d16984b6f"),
    ],
)
def test_an_image_s_identity_stays_what_it_was(answer: dict[str, Any], digest: str) -> None:
    assert identity(answer) == digest


def test_every_part_of_the_engine_s_answer_has_its_place() -> None:
    config = {
        **CONFIG, "Entrypoint": ["tini"], "Shell": ["/bin/bash", "-c"], "StopSignal": "SIGINT",
        "Volumes": {"/data": {}}, "Labels": {"a": "b"}, "OnBuild": ["RUN true"],
    }  # fmt: skip
    found = ImageConfig.from_inspect(inspected(config) | {"Author": "us"})
    assert found.platform == ""
    assert found == ImageConfig(  # noqa: S604 - a field of the value
        image_id="sha256:i",
        identity=found.identity,
        layers=("sha256:a", "sha256:b"),
        user="10001:10001",
        environment={"PATH": "/usr/bin", "HOME": "/home/ktrdr"},
        working_directory="/home/ktrdr",
        entrypoint=("tini",),
        command=("python", "-m", "ktrdr.worker"),
        healthcheck=Healthcheck(test=("CMD", "true"), interval=10.0, retries=3),
        shell=("/bin/bash", "-c"),
        stop_signal="SIGINT",
        volumes=("/data",),
        exposed_ports=("8000/tcp",),
        labels={"a": "b"},
        on_build=("RUN true",),
        author="us",
    )
    assert (found.path, found.healthcheck_test) == ("/usr/bin", ("CMD", "true"))


@pytest.mark.parametrize("nothing", [None, "", [], {}])
@pytest.mark.parametrize("key", [*BEHAVIOUR, "Labels", "OnBuild"])
def test_what_is_empty_is_read_the_same_however_an_engine_writes_it(key: str, nothing: Any) -> None:
    assert ImageConfig.from_inspect(inspected({key: nothing})) == ImageConfig.from_inspect(inspected({}))


@pytest.mark.parametrize("entry", ["A=b=c", "A", "A="])
def test_a_variable_ends_at_the_first_equals_sign(entry: str) -> None:
    value = entry.removeprefix("A").removeprefix("=")
    assert ImageConfig.from_inspect(inspected({"Env": [entry]})).environment == {"A": value}


def test_an_image_without_path_or_healthcheck_has_an_empty_one() -> None:
    found = ImageConfig.from_inspect({})
    assert (found.path, found.healthcheck, found.healthcheck_test) == ("", None, ())


@pytest.mark.parametrize(
    "said", [{}, {"Interval": 0, "Timeout": 0, "StartPeriod": 0, "Retries": 0, "StartInterval": 0}]
)
def test_what_a_healthcheck_leaves_out_is_what_engines_do(said: dict[str, int]) -> None:
    found = ImageConfig.from_inspect(inspected({"Healthcheck": {"Test": ["NONE"], **said}}))
    numbers = {"interval": 30.0, "timeout": 30.0, "start_period": 0.0, "retries": 3, "start_interval": 5.0}
    assert found.healthcheck == Healthcheck(("NONE",), **numbers)  # type: ignore[arg-type]  # its count is whole
    assert found.healthcheck is not None
    assert found.healthcheck.numbers == numbers


def test_a_healthcheck_s_times_are_seconds() -> None:
    times = {
        "Interval": 1_500_000_000,
        "Timeout": 2 * 10**9,
        "StartPeriod": 10**9,
        "Retries": 1,
        "StartInterval": 5 * 10**8,
    }
    found = ImageConfig.from_inspect(inspected({"Healthcheck": times})).healthcheck
    assert found == Healthcheck((), interval=1.5, timeout=2.0, start_period=1.0, retries=1, start_interval=0.5)


def test_a_registry_s_document_is_of_the_same_image_as_the_engine_s_answer() -> None:
    document: dict[str, Any] = {"config": CONFIG, "rootfs": {"type": "layers", "diff_ids": ["sha256:a", "sha256:b"]}}
    document |= {"os": "linux", "architecture": "arm64", "variant": "v8"}
    answer = {**inspected(), "Os": "linux", "Architecture": "arm64", "Variant": "v8"}
    assert ImageConfig.from_registry("sha256:i", document) == ImageConfig.from_inspect(answer)


@pytest.mark.parametrize("document", [{}, {"rootfs": None}, {"rootfs": {"diff_ids": []}, "config": {"User": "0"}}])
def test_a_document_without_layers_is_of_no_image(document: dict[str, Any]) -> None:
    assert ImageConfig.from_registry("sha256:i", document) is None


def test_no_other_module_reads_an_engine_s_answer_about_an_image() -> None:
    paths = (path for package in ("deploy", "verify", "bench") for path in (ROOT / package).rglob("*.py"))
    reads = re.compile(r"""\[['"]Config['"]\]|get\(['"]Config['"]\)|['"]RootFS['"]""")
    found = {path.relative_to(ROOT).as_posix() for path in paths if reads.search(path.read_text(encoding="utf-8"))}
    assert found == {"deploy/image_config.py"}


UPPER_AND_LOWER = {"UpperDir": "/c", "LowerDir": "/b:/a"}


@pytest.mark.parametrize(
    ("driver", "directories"),
    [
        ({"Name": "overlay2", "Data": UPPER_AND_LOWER}, ("/a", "/b", "/c")),
        ({"Name": "overlay2", "Data": {"UpperDir": "/c", "LowerDir": "/b"}}, ()),
        ({"Name": "overlay2", "Data": {"UpperDir": "", "LowerDir": "/b:/a"}}, ()),
        ({"Name": "overlay2", "Data": None}, ()),
        ({"Name": "overlayfs", "Data": UPPER_AND_LOWER}, ()),
        ({"Name": "vfs", "Data": {}}, ()),
        (None, ()),
    ],
)
def test_a_layer_lies_in_a_directory_where_the_engine_s_store_is_one_a_layer(
    driver: dict[str, Any] | None, directories: tuple[str, ...]
) -> None:
    found = ImageConfig.from_inspect({"RootFS": {"Layers": ["a", "b", "c"]}, "GraphDriver": driver})
    assert found.directories == directories
    assert found == ImageConfig.from_inspect({"RootFS": {"Layers": ["a", "b", "c"]}})
