"""uv.lock has wheels for each platform that `pyproject.toml` names: uv itself is asked, for one after the other."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import uv
from packaging.markers import Marker

CHECKOUT = Path(__file__).resolve().parents[2]
MACS = {"MACOSX_DEPLOYMENT_TARGET": "14.0"}  # torch's and ta-lib's wheels
# uv's names, with what the markers of `environments` read there.
PLATFORMS = {
    "x86_64-unknown-linux-gnu": {"sys_platform": "linux", "platform_machine": "x86_64"},
    "aarch64-unknown-linux-gnu": {"sys_platform": "linux", "platform_machine": "aarch64"},
    "aarch64-apple-darwin": {"sys_platform": "darwin", "platform_machine": "arm64"},
}
# What is installed from the lock, and where: the pipeline, its tests, and what each image holds.
SETS = {
    "tools": ["--no-default-groups", "--group=tools"],
    "tests": ["--no-default-groups", "--group=tests"],
    "backend": ["--no-dev"],
    "dev": ["--extra=ml", "--no-default-groups", "--group=dev"],
    "workers": ["--no-dev", "--extra=ml"],
}


def ask(platform: str, *options: str) -> "subprocess.CompletedProcess[str]":
    """Ask uv what it would install, from wheels alone; it downloads and writes nothing."""
    command = [uv.find_uv_bin(), "sync", "--frozen", "--dry-run", "--no-build", "--no-install-project", "--offline"]
    return subprocess.run(
        [*command, f"--python-platform={platform}", *options],
        cwd=CHECKOUT,
        env={**os.environ, **MACS, "UV_PROJECT_ENVIRONMENT": "/nonexistent/venv"},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("words", SETS)
def test_each_platform_gets_wheels_for_the_pipeline_its_tests_and_what_the_images_hold(
    platform: str, words: str
) -> None:
    asked = ask(platform, *SETS[words])
    assert asked.returncode == 0, asked.stderr
    assert " + pydantic-core==" in asked.stderr
    assert (" + torch==" in asked.stderr) == ("--extra=ml" in SETS[words])


def test_cuda_comes_with_torch_on_both_linux_and_on_no_mac() -> None:
    told = {platform: ask(platform, *SETS["workers"]).stderr for platform in PLATFORMS}
    assert {platform: "nvidia-cublas" in text for platform, text in told.items()} == {
        "x86_64-unknown-linux-gnu": True, "aarch64-unknown-linux-gnu": True, "aarch64-apple-darwin": False,
    }  # fmt: skip


def test_a_platform_that_the_lock_does_not_name_is_refused() -> None:
    refused = ask("x86_64-apple-darwin", *SETS["tools"])
    assert refused.returncode
    assert "not compatible with the lockfile's supported environments" in " ".join(refused.stderr.split())


def test_the_lock_names_these_platforms_and_no_others() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    named = [Marker(text) for text in project["tool"]["uv"]["environments"]]
    for facts in PLATFORMS.values():
        assert sum(marker.evaluate(facts) for marker in named) == 1
    assert len(named) == len(PLATFORMS)


def test_every_cell_of_the_table_of_machines_is_known_and_what_was_tried_names_its_tests() -> None:
    table = (CHECKOUT / "docs" / "machines.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if line.startswith("| ")]
    assert rows[0] == ["host", "engine", "build", "verify", "e2e", "verify-gpu", "tests"]
    assert len(rows) > 5
    for row in rows[1:]:
        cells, named = set(row[2:6]), re.findall(r"`(tests/[\w/.]+)`", row[6])
        assert cells <= {"tried", "on a stand-in", "refused", "not tried"}, row
        assert bool(cells - {"not tried"}) == bool(named), row
        assert all((CHECKOUT / path).is_file() for path in named), row
