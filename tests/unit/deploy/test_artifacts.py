"""Files between the stages are written whole and read strictly; a stage removes what it is about to make anew."""

import contextlib
import json
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from deploy.artifacts import (
    BILL,
    BUILD,
    CONTENTS,
    E2E,
    GPU,
    LOG,
    OBSERVED,
    REPORTS,
    STAGES,
    VERDICT,
    Artifacts,
    Model,
    UnreadableArtifact,
    read_model,
    write_model,
    write_text,
)
from deploy.errors import Problem


class Example(Model):
    schema_: Literal[1] = Field(default=1, alias="schema")
    name: str


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "backend" / "example.json"


def refused(path: Path) -> str:
    with pytest.raises(UnreadableArtifact) as caught:
        read_model(path, Example)
    return str(caught.value)


def stages(artifacts: Artifacts) -> list[str]:
    return sorted(path.name for path in (artifacts.root / "backend").iterdir())


def test_what_was_written_is_read_back(path: Path) -> None:
    write_model(path, Example(name="grün"))
    assert read_model(path, Example) == Example(name="grün")


def test_a_file_carries_its_schema_and_ends_with_a_line(path: Path) -> None:
    write_model(path, Example(name="x"))
    text = path.read_text(encoding="utf-8")
    assert json.loads(text) == {"schema": 1, "name": "x"}
    assert text.endswith("}\n")


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(path: Path) -> None:
    write_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "new\udce9")
    assert path.read_text(encoding="utf-8") == "old"
    assert list(path.parent.iterdir()) == [path]


def test_a_reader_never_sees_half_a_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    rename = Path.replace

    def replace(self: Path, target: Path) -> Path:
        seen.append(target.read_text(encoding="utf-8"))
        return rename(self, target)

    write_text(path, "old")
    monkeypatch.setattr(Path, "replace", replace)
    write_text(path, "new")
    assert (seen, path.read_text(encoding="utf-8")) == (["old"], "new")


def test_others_may_read_what_was_written(path: Path) -> None:
    write_text(path, "x")
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_file_that_is_not_there_is_told_apart_from_one_that_is_broken(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_model(path, Example)


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"schema": 1, "name": "x"} more', b'{"schema": ' + b"1" * 5000 + b"}"],
    ids=["empty", "cut off", "not UTF-8", "deeply nested", "more than one document", "huge number"],
)
def test_a_corrupt_file_is_refused_with_its_path_and_the_next_step(path: Path, data: bytes) -> None:
    write_text(path, "")
    path.write_bytes(data)
    message = refused(path)
    assert message.startswith(f"{path}: ")
    assert message.endswith("run the stage that writes it again")


@pytest.mark.parametrize("schema", [0, 2, "1", None, [1]])
def test_a_file_of_another_schema_is_refused_with_both_versions(path: Path, schema: Any) -> None:
    write_text(path, json.dumps({"schema": schema, "name": "x"}))
    assert f"schema {schema!r}, this version reads 1; run the stage that writes it again with this version" in refused(
        path
    )


@pytest.mark.parametrize("document", [[], 5, None, "x", {}, {"name": "x"}])
def test_a_document_without_schema_is_refused(path: Path, document: Any) -> None:
    write_text(path, json.dumps(document))
    assert "schema None, this version reads 1" in refused(path)


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"schema": 1}, "name: field required"),
        ({"schema": 1, "name": 5}, "name: input should be a valid string"),
        ({"schema": 1, "name": "x", "more": 1}, "more: extra inputs are not permitted"),
    ],
)
def test_a_document_that_is_no_such_value_is_refused_with_the_key(path: Path, document: Any, told: str) -> None:
    write_text(path, json.dumps(document))
    assert told in refused(path)


def test_a_directory_in_place_of_a_file_is_refused(path: Path) -> None:
    path.mkdir(parents=True)
    assert "directory" in refused(path)


def test_a_file_in_place_of_the_directory_is_refused(path: Path) -> None:
    path.parent.touch()
    assert "directory" in refused(path)


@pytest.mark.parametrize(
    ("stage", "left"),
    [
        (BUILD, []),
        (CONTENTS, [BUILD, LOG]),
        (OBSERVED, [BUILD, LOG, CONTENTS, BILL]),
        (VERDICT, [BUILD, LOG, CONTENTS, BILL, OBSERVED]),
    ],
)
def test_a_stage_that_begins_removes_its_own_and_all_later_files(tmp_path: Path, stage: str, left: list[str]) -> None:
    artifacts = Artifacts(tmp_path)
    for name in STAGES:
        write_text(artifacts.path("backend", name), "x")
    artifacts.begin("backend", stage)
    assert stages(artifacts) == sorted(left)


def test_a_build_is_the_end_of_what_was_found_on_a_gpu_and_a_verification_is_not(tmp_path: Path) -> None:
    artifacts, gpu = Artifacts(tmp_path), Artifacts(tmp_path / GPU)
    for role in ("backend", "worker-gpu"):
        write_text(gpu.path(role, VERDICT), "x")
    artifacts.begin("worker-gpu", CONTENTS)
    artifacts.begin("dev", BUILD)
    assert gpu.path("worker-gpu", VERDICT).exists()
    artifacts.begin("worker-gpu", BUILD)
    assert (gpu.path("worker-gpu", VERDICT).exists(), gpu.path("backend", VERDICT).exists()) == (False, True)


def test_a_stage_that_begins_leaves_other_roles_and_other_files_alone(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path)
    for role, name in (("backend", "notes.txt"), ("dev", BUILD)):
        write_text(artifacts.path(role, name), "x")
    artifacts.begin("backend", BUILD)
    assert (stages(artifacts), artifacts.path("dev", BUILD).exists()) == (["notes.txt"], True)


@pytest.mark.parametrize("stage", [BUILD, VERDICT])
def test_a_stage_that_begins_removes_the_reports_on_all_roles(tmp_path: Path, stage: str) -> None:
    for name in (*REPORTS, "bench.json"):
        (tmp_path / name).write_text("PASS", encoding="utf-8")
    Artifacts(tmp_path).begin("backend", stage)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["bench.json"]


def test_a_stage_can_begin_where_nothing_is(tmp_path: Path) -> None:
    Artifacts(tmp_path / "new").begin("backend", BUILD)


@pytest.mark.parametrize("taken", ["", "backend"], ids=["of all artifacts", "of the role"])
def test_a_file_in_place_of_the_directory_stops_a_stage_with_a_problem(tmp_path: Path, taken: str) -> None:
    root = tmp_path / "artifacts"
    write_text(root / taken, "x")
    with pytest.raises(Problem, match="artifacts"):
        Artifacts(root).begin("backend", BUILD)


def test_artifacts_lie_where_they_are_asked_for(tmp_path: Path) -> None:
    assert Artifacts(tmp_path / "own").path("backend", BUILD) == tmp_path / "own" / "backend" / "build.json"


@settings(deadline=None, max_examples=50)
@given(data=st.binary(max_size=60) | st.text(max_size=60).map('{{"schema": 1, "name": {}}}'.format).map(str.encode))
def test_whatever_a_file_holds_it_is_a_value_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_bytes(data)
    with contextlib.suppress(UnreadableArtifact):
        assert isinstance(read_model(path, Example), Example)


def test_a_file_is_written_into_directories_that_are_not_there_yet(tmp_path: Path) -> None:
    path = tmp_path / "one" / "two" / "example.json"
    write_model(path, Example(name="x"))
    assert read_model(path, Example).name == "x"


def test_of_several_mistakes_the_first_is_told(path: Path) -> None:
    write_text(path, '{"schema": 1, "name": 5, "other": 6}')
    assert ": name: " in refused(path)


def test_a_role_s_file_that_cannot_be_written_is_told_with_what_to_do(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path)
    artifacts.path("backend", BUILD).mkdir(parents=True)
    with pytest.raises(Problem, match="writing the artifacts in") as told:
        artifacts.write("backend", BUILD, Example(name="x"))
    assert "name another directory with --artifacts" in told.value.next_step


@pytest.mark.parametrize(
    ("error", "wrong"),
    [
        (OSError(28, "No space left on device", "/x/y"), "/x/y: No space left on device"),
        (OSError(28, "No space left on device"), "{root}: No space left on device"),
        (OSError("the disk went"), "{root}: the disk went"),
    ],
)
def test_a_refusal_of_the_file_system_is_told_with_its_place_and_reason_as_far_as_it_names_them(
    tmp_path: Path, error: OSError, wrong: str
) -> None:
    with pytest.raises(Problem) as told, Artifacts(tmp_path).writing():
        raise error
    assert told.value.wrong == wrong.format(root=tmp_path)


@pytest.mark.parametrize(("role", "kept"), [("backend", False), ("worker-cpu", False), ("worker-gpu", True)])
def test_what_was_found_of_images_at_work_together_goes_with_a_role_that_took_part(
    tmp_path: Path, role: str, *, kept: bool
) -> None:
    artifacts = Artifacts(tmp_path)
    artifacts.write(E2E, VERDICT, Example(name="x"))
    artifacts.begin(role, BUILD)
    assert artifacts.path(E2E, VERDICT).exists() is kept
