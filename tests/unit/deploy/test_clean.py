"""`clean` removes what this pipeline made, and never anything else."""

from pathlib import Path
from typing import Any

import pytest

from deploy import clean, locks
from deploy.clean import our_names, remove_directories, sort_out
from deploy.engine.connection import Sighting
from deploy.engine.endpoint import DEFAULT_HOST, Endpoint
from deploy.engine.labelled import RUN, RUN_HOST, LabelledResource
from deploy.errors import Problem

ROLE = {"ktrdr.role": "backend"}
BASE = {"ktrdr.base": "d1"}


def image(labels: dict[str, str] | None, *tags: str) -> dict[str, Any]:
    return {"Id": "sha256:1", "Labels": labels, "RepoTags": list(tags)}


@pytest.mark.parametrize(
    ("labels", "tags", "ours"),
    [
        (ROLE, ["ktrdr-backend:prod"], ["ktrdr-backend:prod"]),
        (ROLE, ["r.example/team/ktrdr-backend:prod"], ["r.example/team/ktrdr-backend:prod"]),
        (ROLE, ["ktrdr-backend:prod", "kept:1"], ["ktrdr-backend:prod"]),
        (ROLE, [], ["sha256:1"]),
        (ROLE, ["<none>:<none>"], ["sha256:1"]),
        (BASE, ["ktrdr-base:py3.11-bookworm-x"], ["ktrdr-base:py3.11-bookworm-x"]),
        (BASE, [], []),
        (ROLE | BASE, ["built-on-ours:1"], []),
        ({"org.opencontainers.image.title": "ktrdr"}, ["ktrdr-backend:prod"], []),
        (None, ["ktrdr-backend:prod"], []),
    ],
)
def test_an_image_is_ours_by_label_and_name(labels: dict[str, str] | None, tags: list[str], ours: list[str]) -> None:
    assert our_names(image(labels, *tags)) == ours


def thing(run: str, host: str = "here") -> LabelledResource:
    return LabelledResource("container", run, run, {RUN: run, RUN_HOST: host})


def test_only_what_dead_runs_of_this_machine_left_is_removed() -> None:
    things = [thing("dead"), thing("alive"), thing("foreign", "there")]
    dead, kept = sort_out(things, "here", lambda run: run == "alive")
    assert dead == [things[0]]
    assert list(kept.values()) == ["run alive is still going", "run foreign belongs to there"]


def test_records_and_caches_go_and_the_rest_of_the_checkout_stays(tmp_path: Path) -> None:
    for name in ("artifacts/backend", ".cache/contents", "ktrdr"):
        (tmp_path / name).mkdir(parents=True)
    said: list[str] = []
    assert remove_directories(tmp_path, said.append) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["ktrdr"]
    assert len(said) == 2


def test_a_link_is_removed_and_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").touch()
    (tmp_path / "artifacts").symlink_to(elsewhere)
    assert remove_directories(tmp_path, print) == 1
    assert (elsewhere / "file").exists()


def test_without_an_engine_records_go_and_the_engine_s_absence_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = Sighting(Endpoint(DEFAULT_HOST, "default"), trouble="absent", detail="no such file")
    monkeypatch.setattr(clean, "look", lambda: absent)
    (tmp_path / "artifacts").mkdir()
    with pytest.raises(Problem, match="nothing answers"):
        clean.clean(tmp_path, say=print)
    assert not (tmp_path / "artifacts").exists()


class Empty:
    """An engine that holds nothing."""

    def __init__(self) -> None:
        self.api = self

    def containers(self, **_options: object) -> list[object]:
        return []

    networks = images = containers

    def volumes(self, **_options: object) -> dict[str, object]:
        return {}

    def close(self) -> None:
        pass


@pytest.mark.parametrize("everything", [False, True])
def test_where_there_is_nothing_that_is_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    everything: bool,  # noqa: FBT001
) -> None:
    monkeypatch.setattr(clean, "look", lambda: Sighting(Endpoint(DEFAULT_HOST, "default")))
    monkeypatch.setattr(clean, "client_for", lambda *_: Empty())
    monkeypatch.setattr(locks, "folder", lambda: tmp_path)
    said: list[str] = []
    assert clean.clean(tmp_path if everything else None, say=said.append) == 0
    assert said == ["clean: nothing to remove"]
