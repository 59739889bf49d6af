"""An image's identity: the same on every engine, another as soon as layers or behaviour are others."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.build_record import BuildRecord
from deploy.image_config import BEHAVIOUR, diff_ids, identity

CONFIG: dict[str, Any] = {
    "Env": ["PATH=/usr/bin", "HOME=/home/ktrdr"],
    "User": "10001:10001",
    "WorkingDir": "/home/ktrdr",
    "Entrypoint": None,
    "Cmd": ["python", "-m", "ktrdr.worker"],
    "Healthcheck": {"Test": ["CMD", "true"], "Interval": 10_000_000_000, "Retries": 3},
    "ExposedPorts": {"8000/tcp": {}},
}


def inspected(
    config: dict[str, Any] | None = None, layers: tuple[str, ...] = ("sha256:a", "sha256:b")
) -> dict[str, Any]:
    """What an engine says of an image."""
    return {"Id": "sha256:i", "Config": CONFIG if config is None else config, "RootFS": {"Layers": list(layers)}}


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
        "Os": "linux",
    }
    assert identity(other) == identity(inspected())


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
    assert diff_ids(answer) == []
    assert identity(answer) == identity({})


@settings(deadline=None, max_examples=50)
@given(
    one=st.dictionaries(st.sampled_from(BEHAVIOUR), st.text()),
    two=st.dictionaries(st.sampled_from(BEHAVIOUR), st.text()),
)
def test_two_images_have_one_identity_only_where_they_behave_alike(one: dict[str, str], two: dict[str, str]) -> None:
    alike = {key: value for key, value in one.items() if value} == {key: value for key, value in two.items() if value}
    assert (identity(inspected(one)) == identity(inspected(two))) == alike


def test_steps_are_counted_by_whether_they_came_from_the_cache() -> None:
    step = {"name": "x", "seconds": 1.0}
    record = BuildRecord.model_validate(
        {
            "role": "r", "tag": "t", "image_id": "i", "identity": "i", "layers": [], "unpacked_bytes": 1,
            "added_bytes": 1, "started": "", "seconds": 1.0,
            "steps": [{**step, "cached": cached} for cached in (True, False, True)],
            "source": {"revision": "", "dirty": False, "lock_sha256": ""}, "inputs": "",
            "base": {"reference": "", "origin": "local", "layers": []}, "torch_source": "none", "tools": {},
        }
    )  # fmt: skip
    assert (record.steps_cached, record.steps_run) == (2, 1)


def test_a_record_is_written_with_the_one_schema_that_this_version_reads() -> None:
    assert BuildRecord.model_fields["schema_"].default == 2
