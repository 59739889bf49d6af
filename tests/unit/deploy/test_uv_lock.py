"""The lock says which versions each role's image must hold; CPU roles hold nothing of CUDA's."""

import hashlib
from pathlib import Path

import pytest

from deploy.errors import Exit, Problem
from deploy.uv_lock import (
    CUDA_DISTRIBUTION,
    check_current,
    lock_sha256,
    locked_distributions,
    locked_version,
    required,
    requirers,
    wheels,
)
from tests.support.checkout import PROJECT, ROOT, read_contract

CONTRACT = read_contract()


@pytest.fixture(scope="module")
def locked() -> dict[str, dict[str, str]]:
    """What the real lock demands of each role."""
    return {role: locked_distributions(image, CONTRACT.python, ROOT) for role, image in CONTRACT.images.items()}


def test_the_lock_names_one_torch_and_this_is_it(locked: dict[str, dict[str, str]]) -> None:
    assert locked_version("torch", PROJECT.lock) == "2.13.0"
    assert {role: one.get("torch") for role, one in locked.items()} == {
        "backend": None, "dev": "2.13.0", "worker-cpu": "2.13.0", "worker-gpu": "2.13.0",
    }  # fmt: skip


def test_every_role_holds_the_application_and_what_it_is_served_with(locked: dict[str, dict[str, str]]) -> None:
    assert all({"ktrdr", "fastapi", "uvicorn", "pydantic"} <= set(one) for one in locked.values())


def test_the_backend_is_the_core_and_nothing_more(locked: dict[str, dict[str, str]]) -> None:
    assert locked["backend"].items() <= locked["worker-cpu"].items()
    assert "safetensors" not in locked["backend"]


def test_only_development_holds_the_development_tools(locked: dict[str, dict[str, str]]) -> None:
    tools = {"pytest", "ruff", "mypy", "hypothesis"}
    assert {role for role, one in locked.items() if tools <= set(one)} == {"dev"}
    assert {role for role, one in locked.items() if tools & set(one)} == {"dev"}


def test_no_image_holds_what_the_pipeline_runs_on(locked: dict[str, dict[str, str]]) -> None:
    assert not any({"docker", "python-on-whales", "nox", "rich", "uv"} & set(one) for one in locked.values())


def test_cpu_roles_hold_nothing_of_cuda_s_and_are_otherwise_the_gpu_role(locked: dict[str, dict[str, str]]) -> None:
    cuda = {name for name in locked["worker-gpu"] if CUDA_DISTRIBUTION.match(name)}
    assert len(cuda) > 10
    assert locked["worker-cpu"] == {name: v for name, v in locked["worker-gpu"].items() if name not in cuda}
    assert not cuda & set(locked["dev"])


@pytest.mark.parametrize(
    "name", ["nvidia-cublas", "nvidia-cudnn-cu13", "cuda-bindings", "cuda-toolkit", "triton", "nvidia"]
)
def test_cuda_s_distributions_are_known_by_their_names(name: str) -> None:
    assert CUDA_DISTRIBUTION.match(name)


@pytest.mark.parametrize("name", ["torch", "numpy", "pynvidia", "tritonclient", "cudatext"])
def test_other_distributions_are_not_taken_for_cuda_s(name: str) -> None:
    assert not CUDA_DISTRIBUTION.match(name)


@pytest.mark.parametrize(
    ("marker", "holds"),
    [
        ("sys_platform == 'linux'", True),
        ("sys_platform == 'win32' or os_name == 'nt'", False),
        ("platform_machine == 'x86_64' and platform_system == 'Linux'", True),
        ("platform_machine == 'aarch64'", False),
        ("python_version < '3.11'", False),
        ("python_full_version >= '3.11'", True),
    ],
)
def test_markers_are_read_for_the_images_platform_and_not_for_this_host(marker: str, *, holds: bool) -> None:
    assert required([f"foo==1.0 ; {marker}"], "3.11") == ({"foo": "1.0"} if holds else {})


def test_markers_are_read_for_the_contract_s_python() -> None:
    lines = ["foo==1.0 ; python_version < '3.12'", "bar==1.0 ; python_version >= '3.12'"]
    assert [list(required(lines, python)) for python in ("3.11", "3.12")] == [["foo"], ["bar"]]


def test_names_are_normalized_and_extras_and_empty_lines_left_aside() -> None:
    assert required(["Foo.Bar[x,y]==1.0+cpu", "", "  "], "3.11") == {"foo-bar": "1.0+cpu"}


def test_a_distribution_that_is_not_locked_is_told_with_its_name() -> None:
    with pytest.raises(Problem, match="numpy-ext is not locked") as caught:
        locked_version("numpy-ext", PROJECT.lock)
    assert caught.value.code == Exit.USAGE


def test_an_extra_that_the_project_does_not_have_is_told_with_the_role() -> None:
    image = CONTRACT.images["worker-cpu"].model_copy(update={"extras": ["mll"]})
    with pytest.raises(Problem, match="mll") as caught:
        locked_distributions(image, CONTRACT.python, ROOT)
    assert caught.value.code == Exit.USAGE
    assert "images.worker-cpu" in caught.value.next_step


def test_the_lock_s_digest_is_that_of_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "uv.lock"
    path.write_bytes(b"text")
    assert lock_sha256(path) == hashlib.sha256(b"text").hexdigest()
    assert lock_sha256(PROJECT.lock) == hashlib.sha256(PROJECT.lock.read_bytes()).hexdigest()


def test_who_requires_what_is_told_with_extras_and_groups() -> None:
    lock = """
[[package]]
name = "ktrdr"
dependencies = [{ name = "fastapi" }, { name = "uvicorn", marker = "a" }, { name = "uvicorn", marker = "b" }]
[package.optional-dependencies]
ml = [{ name = "torch" }]
[package.dev-dependencies]
dev = [{ name = "pytest" }]
[[package]]
name = "torch"
dependencies = [{ name = "sympy" }]
"""
    assert requirers(lock) == {
        "fastapi": ["ktrdr"], "uvicorn": ["ktrdr"], "torch": ["ktrdr[ml]"], "pytest": ["ktrdr (group dev)"],
        "sympy": ["torch"],
    }  # fmt: skip


def test_the_lock_s_own_requirements_are_told() -> None:
    required_by = requirers(PROJECT.lock.read_text(encoding="utf-8"))
    assert required_by["torch"] == ["ktrdr[ml]"]
    assert required_by.keys() >= {"sympy", "starlette", "pydantic-core"}


def test_every_wheel_of_the_lock_is_told_by_its_file_s_name_with_its_sha_256() -> None:
    lock = """
[[package]]
name = "torch"
wheels = [
    { url = "https://example.org/whl/torch-2.0%2Bcpu-py3-none-any.whl#sha256=1", hash = "sha256:aa" },
    { url = "https://example.org/torch-2.0-py3-none-any.whl", hash = "md5:bb" },
    { path = "torch-2.1-py3-none-any.whl", hash = "sha256:cc" },
]
[[package]]
name = "ktrdr"
"""
    assert wheels(lock) == {"torch": {"torch-2.0+cpu-py3-none-any.whl": "aa"}, "ktrdr": {}}
    torch = wheels(PROJECT.lock.read_text(encoding="utf-8"))["torch"]
    platforms = ("macosx_14_0_arm64", "manylinux_2_28_aarch64", "manylinux_2_28_x86_64")
    assert sorted(torch) == [f"torch-2.13.0-cp311-cp311-{platform}.whl" for platform in platforms]
    assert {len(digest) for digest in torch.values()} == {64}


def test_a_uv_that_does_not_end_is_given_up_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    endless = tmp_path / "uv"
    endless.write_text("#!/bin/sh\nexec sleep 60\n", encoding="utf-8")
    endless.chmod(0o755)
    monkeypatch.setattr("uv.find_uv_bin", lambda: str(endless))
    monkeypatch.setattr("deploy.uv_lock.EXPORT_SECONDS", 0.2)
    with pytest.raises(Problem, match=r"reading uv\.lock with uv export: it did not end within 0 s") as told:
        locked_distributions(CONTRACT.images["backend"], CONTRACT.python, ROOT)
    assert told.value.code == Exit.UNAVAILABLE


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The two files as they are here."""
    for name in ("pyproject.toml", "uv.lock"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    return tmp_path


def change(tree: Path, old: str, new: str) -> None:
    text = (tree / "pyproject.toml").read_text(encoding="utf-8")
    assert text.count(old) == 1
    (tree / "pyproject.toml").write_text(text.replace(old, new), encoding="utf-8")


def refusal(tree: Path, python: str = CONTRACT.python) -> str:
    with pytest.raises(Problem) as raised:
        check_current(python, tree)
    assert raised.value.code == Exit.USAGE
    return str(raised.value)


def test_this_tree_s_lock_is_its_own() -> None:
    check_current(CONTRACT.python, ROOT)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('    "uvicorn>=0.54",\n', '    "uvicorn>=0.54",\n    "requests",\n', "requests is not locked"),
        ('    "pg8000>=1.31",\n', "", "pg8000>=1.31 is no longer required"),
        ("fastapi>=0.165", "fastapi>=0.164", "fastapi>=0.164 is not locked, fastapi>=0.165 is no longer required"),
        ('"safetensors>=0.8"', '"safetensors>=0.8", "numpy"', "numpy is not locked"),
        ('"watchfiles>=1.1"', '"watchfiles[x]>=1.1"', "watchfiles[x]>=1.1 is not locked"),
        ("[json-validation]", "", "cyclonedx-python-lib>=11 is not locked"),
    ],
    ids=["added", "removed", "another version", "of an extra", "of a group", "without its extra"],
)
def test_a_lock_that_is_not_of_these_requirements_is_refused_with_what_to_do(
    tree: Path, old: str, new: str, told: str
) -> None:
    change(tree, old, new)
    said = refusal(tree)
    assert told in said
    assert "uv lock" in said


def test_a_requirement_that_is_only_written_in_another_way_is_the_same(tree: Path) -> None:
    change(tree, '"uvicorn>=0.54"', '"Uvicorn >= 0.54"')
    check_current(CONTRACT.python, tree)


def test_of_many_differences_the_first_are_told_and_the_others_counted(tree: Path) -> None:
    change(tree, '    "uvicorn>=0.54",\n', "".join(f'    "new{n}",\n' for n in range(7)))
    assert "new4 is not locked, and 3 more" in refusal(tree)


def test_as_many_differences_as_are_told_are_not_counted(tree: Path) -> None:
    change(tree, '    "uvicorn>=0.54",\n', "".join(f'    "new{n}",\n' for n in range(4)))
    said = refusal(tree)
    assert "uvicorn>=0.54 is no longer required\n" in said
    assert "more" not in said.replace("any more", "")


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("pyproject.toml", None, "No such file"),
        ("pyproject.toml", "[tool.ruff]\n", "has no [project] with a name"),
        ("pyproject.toml", "[project\n", "not TOML"),
        ("uv.lock", None, "No such file"),
        ("uv.lock", "\n<<<<<<<\n", "not TOML"),
        ("uv.lock", "version = 1\n", "locks no package"),
    ],
)
def test_a_checkout_without_one_of_the_two_files_is_told_what_to_write(
    tree: Path, name: str, text: str | None, told: str
) -> None:
    (tree / name).unlink()
    if text is not None:
        (tree / name).write_text(text, encoding="utf-8")
    said = refusal(tree)
    assert said.startswith(f"reading pyproject.toml and uv.lock: {tree / name}")
    assert told in said
    assert "next: " in said


@pytest.mark.parametrize(("python", "good"), [("3.11", True), ("3.12", False), ("3.1", False)])
def test_a_contract_s_python_that_the_project_excludes_is_refused(tree: Path, python: str, *, good: bool) -> None:
    if good:
        check_current(python, tree)
    else:
        assert f"python is '{python}'" in refusal(tree, python)


@pytest.mark.parametrize("name", ["KTRDR", "Ktrdr"])
def test_a_project_s_name_is_the_same_however_it_is_written(tree: Path, name: str) -> None:
    change(tree, 'name = "ktrdr"', f'name = "{name}"')
    check_current(CONTRACT.python, tree)


def test_what_an_image_must_hold_of_the_project_itself_has_the_project_s_name(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "My.Shop"\nversion = "2.0"\nrequires-python = ">=3.11"\n', encoding="utf-8"
    )
    (tmp_path / "uv.lock").write_text(
        'version = 1\nrequires-python = ">=3.11"\n\n[[package]]\nname = "my-shop"\nversion = "2.0"\n'
        'source = { virtual = "." }\n',
        encoding="utf-8",
    )
    check_current("3.11", tmp_path)
    assert locked_distributions(CONTRACT.images["backend"], "3.11", tmp_path) == {"my-shop": "2.0"}
