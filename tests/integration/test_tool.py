"""The wheel of the tools, away from every checkout: it takes a contract from where it is."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from uv import find_uv_bin

from deploy.errors import Exit
from tests.integration.conftest import Ended, execute
from tests.support.checkout import CONTRACT_FILE, PROJECT, ROOT

PROGRAM = "import sys; from verify.program import main; sys.exit(main())"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("wheel")
    command = [find_uv_bin(), "build", "--wheel", "--quiet", "--out-dir", str(place), str(ROOT / "tool")]
    subprocess.run(command, check=True, timeout=300)
    (built,) = place.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel unpacked: what it needs is in this environment already."""
    place = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place)
    return place


def ran(installed: Path, directory: Path, *words: str) -> Ended:
    """Run the installed command in a directory, with nothing of this checkout on the path."""
    return execute(sys.executable, "-P", "-c", PROGRAM, *words, cwd=directory, env={"PYTHONPATH": str(installed)})


def test_the_wheel_holds_both_packages_whole_and_its_command(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
        (entry,) = (name for name in held if name.endswith("entry_points.txt"))
        assert "ktrdr-images = verify.program:main" in archive.read(entry).decode()
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "deploy", "verify"], cwd=ROOT, check=True, capture_output=True, text=True, timeout=60
    ).stdout
    assert {name for name in tracked.split("\0") if name} - held == set()


def test_in_an_empty_directory_it_says_how_to_name_a_contract(installed: Path, tmp_path: Path) -> None:
    ended = ran(installed, tmp_path, "verify")
    assert ended.code == Exit.USAGE, ended
    assert "name it with --contract FILE" in ended.printed


def test_a_contract_that_is_named_brings_its_own_checkout(installed: Path, tmp_path: Path) -> None:
    own, away = tmp_path / "own", tmp_path / "away"
    away.mkdir()
    for name in (str(CONTRACT_FILE.relative_to(ROOT)), *(one.dockerfile for one in PROJECT.contract.images.values())):
        (own / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, own / name)
    shutil.copy2(ROOT / "pyproject.toml", own)
    ended = ran(installed, away, "matrix", "--contract", str(own / CONTRACT_FILE.relative_to(ROOT)))
    assert ended.code == Exit.OK, ended
    assert '"backend"' in ended.printed
    summarized = ran(installed, away, "summarize", "--contract", str(own / CONTRACT_FILE.relative_to(ROOT)))
    assert summarized.code == Exit.UNAVAILABLE, summarized
    assert str(own / "artifacts") in summarized.printed
