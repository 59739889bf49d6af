"""The contract is read from its file: all mistakes at once, and nothing in a file makes reading break down."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.contract import Contract
from deploy.contract_file import contract_mistakes
from deploy.errors import Exit, Problem
from tests.support.checkout import CONTRACT_FILE, ROOT, read_contract
from tests.support.contracts import SHIPPED, shipped, with_value


def problem_of(path: Path) -> Problem:
    with pytest.raises(Problem) as caught:
        read_contract(path)
    return caught.value


def edited(tmp_path: Path, *edits: tuple[str, str]) -> Path:
    """A copy of the shipped contract with texts replaced."""
    text = SHIPPED
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "images.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_contract_has_no_mistake() -> None:
    assert contract_mistakes(shipped()) == []
    assert read_contract().roles == ["backend", "dev", "worker-cpu", "worker-gpu"]


def test_each_shipped_role_demands_the_torch_that_the_specification_names() -> None:
    demanded = {role: image.torch for role, image in read_contract().images.items()}
    assert demanded == {"backend": "absent", "dev": "cpu", "worker-cpu": "cpu", "worker-gpu": "cuda"}


def test_every_shipped_dockerfile_is_there() -> None:
    assert [
        image.dockerfile for image in read_contract().images.values() if not (ROOT / image.dockerfile).is_file()
    ] == []


def test_the_shipped_budgets_are_the_agreed_ones() -> None:
    budgets = {role: image.added_at_most for role, image in read_contract().images.items()}
    agreed = {"backend": 25.5e6, "dev": 861e6, "worker-cpu": 688e6, "worker-gpu": 4.510e9}
    assert budgets == agreed


def test_a_contradiction_and_a_duplicate_name_are_told_beside_other_mistakes(tmp_path: Path) -> None:
    path = edited(
        tmp_path,
        ('python = "3.11"', 'python = "three"'),
        ('name = "ktrdr-backend:dev"', 'name = "ktrdr-backend:prod"'),
        ('dockerfile = "deploy/docker/Dockerfile.worker-cpu"', 'dockerfile = "deploy/docker/Dockerfile.none"'),
        ('cuda_expected = "host_dependent"', 'cuda_expected = "n/a"'),
    )
    told = str(problem_of(path))
    for key in ("python", "images.dev.name", "images.worker-cpu.dockerfile", "images.worker-gpu"):
        assert f"- {key} = " in told


def test_a_file_with_mistakes_is_a_usage_problem_that_counts_them(tmp_path: Path) -> None:
    path = edited(tmp_path, ('"25.5 MB"', '"25.5MB"'), ("extras =", "extra ="))
    problem = problem_of(path)
    assert problem.code == Exit.USAGE
    assert problem.doing == f"reading the contract {path}"
    assert "2 mistakes\n  - images.backend.added_at_most = '25.5MB': write a size" in problem.wrong
    assert "\n  - images.dev.extra = ['ml']: unknown key; did you mean 'extras'?" in problem.wrong
    assert "docs/contract.md" in problem.next_step


def test_a_dockerfile_that_is_not_there_is_told_with_its_path(tmp_path: Path) -> None:
    problem = problem_of(edited(tmp_path, ("Dockerfile.dev", "Dockerfile.devel")))
    assert "1 mistake\n  - images.dev.dockerfile = 'deploy/docker/Dockerfile.devel': no such file" in problem.wrong


def test_a_missing_contract_says_which_file_to_restore(tmp_path: Path) -> None:
    problem = problem_of(tmp_path / "images.toml")
    assert (problem.code, problem.wrong) == (Exit.USAGE, "No such file or directory")
    assert str(tmp_path / "images.toml") in problem.next_step


@pytest.mark.parametrize(
    "data",
    [
        b"schema = ",
        b"schema = 1\nschema = 1\n",
        b"\xff\xfe",
        "# \xe9".encode("latin-1"),
        b"a = " + b"9" * 5000,
        b"a = " + b"[" * 5000,
    ],
    ids=["cut off", "key twice", "not UTF-8", "Latin-1", "huge number", "deeply nested"],
)
def test_a_file_that_is_no_toml_is_a_usage_problem(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "images.toml"
    path.write_bytes(data)
    problem = problem_of(path)
    assert problem.code == Exit.USAGE
    assert problem.wrong.startswith("not TOML: ")


def test_a_directory_in_place_of_the_contract_is_a_usage_problem(tmp_path: Path) -> None:
    assert problem_of(tmp_path).code == Exit.USAGE


def test_a_dockerfile_name_longer_than_a_file_system_takes_is_a_mistake_like_any_other(tmp_path: Path) -> None:
    problem = problem_of(edited(tmp_path, ("Dockerfile.dev", "x" * 300)))
    assert "images.dev.dockerfile = " in problem.wrong


def test_roles_are_taken_in_the_contract_s_order_however_they_are_named() -> None:
    contract = read_contract()
    assert [image.role for image in contract.select(["worker-gpu", "backend"])] == ["backend", "worker-gpu"]
    assert [image.role for image in contract.select([])] == contract.roles


def test_an_unknown_role_is_told_with_those_that_exist() -> None:
    with pytest.raises(Problem) as caught:
        read_contract().select(["backend", "wroker-cpu", "x"])
    assert caught.value.code == Exit.USAGE
    assert caught.value.wrong == "no such role: wroker-cpu, x"
    assert "backend, dev, worker-cpu, worker-gpu" in caught.value.next_step


@settings(deadline=None, max_examples=30)
@given(data=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_file_makes_reading_raise_anything_but_a_problem(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(data)
    assert problem_of(path).code == Exit.USAGE


def test_the_image_that_answers_at_the_application_s_address_serves_the_api() -> None:
    contract = read_contract()
    serving = [image.role for image in contract.images.values() if contract.serves_api(image)]
    assert serving == ["backend", "dev"]
    elsewhere = contract.model_copy(
        update={"application": contract.application.model_copy(update={"health": "/health/live"})}
    )
    assert not any(elsewhere.serves_api(image) for image in contract.images.values())


@pytest.mark.parametrize(
    ("rest", "late", "seconds"), [(2.0, 5.0, {"backend": 5.0, "worker-cpu": 2.0}), (7.0, 5.0, {"backend": 7.0})]
)
def test_the_server_of_the_api_rests_at_least_as_long_as_it_is_listened_to(
    rest: float, late: float, seconds: dict[str, float]
) -> None:
    document = with_value("serving.rest_seconds", rest)
    document["application"]["late_import_seconds"] = late
    images = {role: {**image, "role": role} for role, image in document["images"].items()}
    contract = Contract.model_validate({**document, "images": images})
    assert {role: contract.rest_of(contract.images[role]) for role in seconds} == seconds


def test_a_contract_knows_the_digest_of_its_file(tmp_path: Path) -> None:
    data = CONTRACT_FILE.read_bytes()
    assert read_contract().digest == f"sha256:{hashlib.sha256(data).hexdigest()}"
    changed = tmp_path / "images.toml"
    changed.write_bytes(data + b"# one more line\n")
    assert read_contract(changed).digest == f"sha256:{hashlib.sha256(changed.read_bytes()).hexdigest()}"
    assert read_contract().model_copy(update={"python": "3.12"}).digest == read_contract().digest


ELSEWHERE = {"source": "registry", "base": "python:3.11-slim"}


@pytest.mark.parametrize(
    ("keys", "without"),
    [
        (ELSEWHERE, ["dockerfile"]),
        ({"source": "archive", "path": "dist/image.tar", "base": "unknown"}, ["dockerfile"]),
        ({"source": "oci-layout", "path": "dist/layout"}, ["dockerfile"]),
        ({"source": "build"}, []),
    ],
)
def test_an_image_may_come_from_elsewhere(keys: dict[str, str], without: list[str]) -> None:
    assert contract_mistakes(with_keys(keys, without)) == []


@pytest.mark.parametrize(
    ("keys", "without", "why"),
    [
        (ELSEWHERE, [], "dockerfile is there where source is"),
        ({}, ["dockerfile"], "dockerfile is there where source is"),
        ({"source": "archive"}, ["dockerfile"], "path is there where source is"),
        ({**ELSEWHERE, "path": "dist/image.tar"}, ["dockerfile"], "path is there where source is"),
        ({"base": "python:3.11-slim"}, [], "base is for an image that is not built here"),
        ({"source": "podman"}, ["dockerfile"], "write 'build', 'registry', 'archive' or 'oci-layout'"),
    ],
)
def test_keys_of_another_source_are_told(keys: dict[str, str], without: list[str], why: str) -> None:
    (mistake,) = contract_mistakes(with_keys(keys, without))
    assert why in mistake


def with_keys(keys: dict[str, str], without: list[str]) -> dict[str, Any]:
    """The shipped contract's document with keys of the backend set, and others removed."""
    document = shipped()
    table = document["images"]["backend"]
    document["images"]["backend"] = {key: value for key, value in table.items() if key not in without} | keys
    return document
