"""`clean` removes what this pipeline made, and never anything else."""

from pathlib import Path
from typing import Any

import pytest

from deploy import __main__ as command
from deploy import clean, locks
from deploy.clean import our_names, remove_directories, sort_out
from deploy.engine.connection import Sighting
from deploy.engine.endpoint import DEFAULT_HOST, Endpoint
from deploy.engine.labelled import RUN, RUN_HOST, LabelledResource
from deploy.errors import Exit, Problem

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


def put(root: Path, *names: str) -> None:
    for path in (root / name for name in names):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


OURS = (
    "artifacts/backend/verdict.json", "artifacts/summary.json", "artifacts/e2e/logs/backend.log",
    "artifacts/gpu/worker-gpu/observed.json", "artifacts/others/summary.md", "artifacts/backend/.build.json.a1",
    ".cache/contents/a/b.json", ".cache/uv-0.9.1-x86_64/bin/uv",
)  # fmt: skip
FOREIGN = (
    "artifacts/release.tar", "artifacts/backend/notes.txt", "artifacts/verdict.json", "artifacts/other/deep/build.json",
    ".cache/pip/wheel", ".cache/uv/archive",
)  # fmt: skip


def test_what_others_put_beside_records_and_caches_stays_and_is_told(tmp_path: Path) -> None:
    put(tmp_path, *OURS, *FOREIGN)
    said: list[str] = []
    assert remove_directories(tmp_path, said.append) == 2
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()} == set(FOREIGN)
    assert f"left {tmp_path}/.cache/pip, {tmp_path}/.cache/uv:" in said[-1]


@pytest.mark.parametrize("root", ["me", "."])
def test_a_home_directory_and_what_holds_it_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    put(tmp_path, "me/.cache/contents/a", ".cache/contents/a")
    with pytest.raises(Problem, match="home directory") as refused:
        remove_directories(tmp_path / root, print)
    assert refused.value.code == Exit.USAGE
    assert (tmp_path / "me/.cache/contents/a").is_file()
    assert (tmp_path / ".cache/contents/a").is_file()


def test_a_root_whose_contract_is_wrong_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path, "images.toml", *OURS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KTRDR_CONTRACT", raising=False)
    absent = Sighting(Endpoint(DEFAULT_HOST, "default"), trouble="absent", detail="no such file")
    monkeypatch.setattr(clean, "look", lambda: absent)
    assert command.main(["clean", "--all"]) == Exit.USAGE
    assert "schema: missing" in capsys.readouterr().err
    assert all((tmp_path / name).is_file() for name in OURS)


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
