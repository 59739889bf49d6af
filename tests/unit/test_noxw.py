"""noxw: nox on a machine that has only Python. Stand-ins for uv and python3 say how they were called."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
LOCK = """\
[[package]]
name = "uuid"
version = "9.9.9"

[[package]]
name = "uv"
version = "0.13.9"
wheels = [
    { url = "https://index.example/uv-a.whl", hash = "sha256:aa", size = 1 },
    { url = "https://index.example/uv-b.whl", hash = "sha256:bb", size = 1 },
]

[[package]]
name = "uvicorn"
version = "0.54.0"
wheels = [{ url = "https://index.example/uvicorn.whl", hash = "sha256:cc", size = 1 }]
"""
UV = '#!/bin/sh\n[ "$1" = --version ] && {{ echo "uv {version} (x86_64)"; exit; }}\necho "{version} in $PWD: $*"\n'
# As pip would: the program goes into --target, which is the argument after it.
PYTHON = """\
#!/bin/sh
echo "$@" >>"$LOG"
[ "$3" = --version ] && exit {pip}
while [ "$1" != --target ]; do shift; done
mkdir "$2/bin" && cp "$FETCHED" "$2/bin/uv" && cat "$2/requirements.txt" >>"$LOG"
"""


class Machine:
    """A checkout, and a PATH with only what a test puts there beside the base system."""

    def __init__(self, folder: Path) -> None:
        self.checkout, self.bin, self.log = folder / "check out", folder / "bin", folder / "log"
        self.checkout.mkdir()
        self.bin.mkdir()
        shutil.copy2(CHECKOUT / "noxw", self.checkout)
        (self.checkout / "uv.lock").write_text(LOCK)
        for tool in (
            "sh",
            "dirname",
            "readlink",
            "sed",
            "cut",
            "sort",
            "head",
            "mkdir",
            "mktemp",
            "mv",
            "rm",
            "tr",
            "cp",
            "cat",
        ):
            (self.bin / tool).symlink_to(shutil.which(tool) or pytest.fail(f"no {tool} here"))
        self.put(folder / "fetched", UV.format(version="0.13.9"))
        self.env = {"PATH": str(self.bin), "LOG": str(self.log), "FETCHED": str(folder / "fetched")}

    def put(self, path: Path, text: str) -> None:
        path.write_text(text)
        path.chmod(0o755)

    def has_uv(self, version: str) -> None:
        self.put(self.bin / "uv", UV.format(version=version))

    def has_python(self, *, pip: bool = True) -> None:
        self.put(self.bin / "python3", PYTHON.format(pip=0 if pip else 1))

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        command = [str(self.checkout / "noxw"), *arguments]
        return subprocess.Popen(
            command, env=self.env, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, *arguments: str) -> tuple[int, str, str]:
        process = self.start(*arguments)
        output, errors = process.communicate(timeout=20)
        return process.returncode, output.strip(), errors


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_uv_on_path_runs_nox_from_the_checkout_with_all_arguments(machine: Machine) -> None:
    machine.has_uv("0.13.9")
    code, said, _errors = machine.run("-s", "build", "--", "a b")
    assert (code, said) == (0, f"0.13.9 in {machine.checkout}: run --frozen --group tools nox -s build -- a b")


def test_a_newer_uv_on_path_is_good_enough(machine: Machine) -> None:
    machine.has_uv("0.13.10")
    assert machine.run("-l")[1].startswith("0.13.10 in")


def test_without_uv_the_pinned_one_is_fetched_with_the_lock_s_digests(machine: Machine) -> None:
    machine.has_python()
    assert machine.run("-l")[1].startswith("0.13.9 in")
    log = machine.log.read_text()
    assert "uv==0.13.9 --hash=sha256:aa --hash=sha256:bb\n" in log
    assert "--no-deps --only-binary :all: --require-hashes" in log
    assert [path.name for path in (machine.checkout / ".uv").iterdir()] == ["bin"]


def test_what_was_fetched_is_used_again(machine: Machine) -> None:
    machine.has_python()
    machine.run("-l")
    before = machine.log.read_text()
    assert machine.run("-l")[0] == 0
    assert machine.log.read_text() == before


def test_an_older_uv_on_path_is_passed_over(machine: Machine) -> None:
    machine.has_uv("0.4.1")
    machine.has_python()
    assert machine.run("-l")[1].startswith("0.13.9 in")


def test_what_was_fetched_for_another_lock_is_replaced(machine: Machine) -> None:
    machine.has_python()
    (machine.checkout / ".uv" / "bin").mkdir(parents=True)
    machine.put(machine.checkout / ".uv" / "bin" / "uv", UV.format(version="0.13.8"))
    assert machine.run("-l")[1].startswith("0.13.9 in")


def test_two_at_once_do_not_disturb_each_other(machine: Machine) -> None:
    machine.has_python()
    both = [machine.start("-l"), machine.start("-l")]
    assert [process.communicate(timeout=20)[0][:9] for process in both] == ["0.13.9 in"] * 2
    assert [path.name for path in (machine.checkout / ".uv").iterdir()] == ["bin"]


def test_it_works_through_a_link(machine: Machine, tmp_path: Path) -> None:
    machine.has_uv("0.13.9")
    (tmp_path / "link").symlink_to(machine.checkout / "noxw")
    done = subprocess.run([tmp_path / "link"], env=machine.env, cwd="/", capture_output=True, text=True, check=True)
    assert f"in {machine.checkout}:" in done.stdout


def test_without_pip_the_next_step_is_said(machine: Machine) -> None:
    machine.has_uv("0.4.1")
    machine.has_python(pip=False)
    code, _said, errors = machine.run("-l")
    assert code == 3
    assert "uv 0.13.9 is needed (the one on PATH is 0.4.1)" in errors
    assert "next: apt-get install python3-pip" in errors


def test_without_python_the_next_step_is_said(machine: Machine) -> None:
    code, _said, errors = machine.run("-l")
    assert code == 3
    assert "install Python 3.11" in errors


def test_a_pip_that_fails_leaves_nothing_behind(machine: Machine) -> None:
    machine.has_python()
    machine.env["FETCHED"] = "/nonexistent"
    code, _said, errors = machine.run("-l")
    assert code == 3
    assert "make pip's package index reachable" in errors
    assert [path.name for path in (machine.checkout / ".uv").iterdir()] == ["bin"]


def test_it_is_a_posix_script_and_may_be_executed() -> None:
    text = (CHECKOUT / "noxw").read_text()
    assert text.startswith("#!/bin/sh\n")
    assert os.access(CHECKOUT / "noxw", os.X_OK)
