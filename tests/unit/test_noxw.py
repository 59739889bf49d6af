"""noxw: nox on a machine that has only Python. Stand-ins for uv and python3 say how they were called."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy import uv_lock

CHECKOUT = Path(__file__).resolve().parents[2]
LOCK = """\
[[package]]
name = "uuid"
version = "9.9.9"

[[package]]
name = "uv"
version = "0.13.9"
sdist = { url = "https://index.example/uv-0.13.9.tar.gz", hash = "sha256:ff", size = 1 }
wheels = [
    { url = "https://index.example/uv-0.13.9-py3-none-macosx_11_0_arm64.whl", hash = "sha256:aa", size = 1 },
    { url = "https://index.example/uv-0.13.9-py3-none-manylinux_2_28_aarch64.whl", hash = "sha256:bb", size = 1 },
    { url = "https://index.example/uv-0.13.9-py3-none-manylinux_2_17_x86_64.whl", hash = "sha256:dd", size = 1 },
    { url = "https://index.example/uv-0.13.9-py3-none-musllinux_1_1_x86_64.whl", hash = "sha256:ee", size = 1 },
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
READLINK = '#!/bin/sh\ncase $1 in -*) echo "readlink: illegal option $1" >&2; exit 1 ;; esac\nexec {} "$1"\n'
# What a Mac has as well. Its readlink knows no -f, its sort no -V.
TOOLS = ("sh", "dirname", "sed", "cut", "mkdir", "mktemp", "mv", "rm", "tr", "cp", "cat", "printf")
# Shells that run the script as /bin/sh does on some system: on Debian, on a Mac (an older bash), on Alpine.
SHELLS = {"dash": ["dash"], "bash": ["bash", "--posix"], "busybox": ["busybox", "ash"], "mksh": ["mksh", "-o", "posix"]}


class Machine:
    """A checkout, and a PATH with only what a test puts there beside the base system."""

    def __init__(self, folder: Path) -> None:
        self.checkout, self.bin, self.log = folder / "check out", folder / "bin", folder / "log"
        self.checkout.mkdir()
        self.bin.mkdir()
        shutil.copy2(CHECKOUT / "noxw", self.checkout)
        (self.checkout / "uv.lock").write_text(LOCK)
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool) or pytest.fail(f"no {tool} here"))
        self.put(self.bin / "readlink", READLINK.format(shutil.which("readlink")))
        self.calls_itself("Linux", "x86_64")
        self.shell: list[str] = []
        self.put(folder / "fetched", UV.format(version="0.13.9"))
        self.env = {"PATH": str(self.bin), "LOG": str(self.log), "FETCHED": str(folder / "fetched")}

    def put(self, path: Path, text: str) -> None:
        path.write_text(text)
        path.chmod(0o755)

    def calls_itself(self, system: str, processor: str) -> None:
        self.put(self.bin / "uname", f"#!/bin/sh\n[ $1 = -s ] && echo {system} || echo {processor}\n")

    def has_uv(self, version: str) -> None:
        self.put(self.bin / "uv", UV.format(version=version))

    def has_python(self, *, pip: bool = True) -> None:
        self.put(self.bin / "python3", PYTHON.format(pip=0 if pip else 1))

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        command = [*self.shell, str(self.checkout / "noxw"), *arguments]
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


@pytest.mark.parametrize("version", ["0.13.9", "0.13.10", "0.14", "1.0.0", "0.14.0rc1", "0.13.9.1"])
def test_a_uv_on_path_that_is_no_older_is_good_enough(machine: Machine, version: str) -> None:
    machine.has_uv(version)
    assert machine.run("-l")[1].startswith(f"{version} in")


@pytest.mark.parametrize(
    ("system", "processor", "digests"),
    [
        ("Linux", "x86_64", ["dd", "ee"]),
        ("Linux", "aarch64", ["bb"]),
        ("Darwin", "arm64", ["aa"]),
    ],
)
def test_without_uv_the_pinned_one_is_fetched_with_the_digests_for_the_machine(
    machine: Machine, system: str, processor: str, digests: list[str]
) -> None:
    machine.calls_itself(system, processor)
    machine.has_python()
    assert machine.run("-l")[1].startswith("0.13.9 in")
    log = machine.log.read_text()
    assert f"uv==0.13.9{''.join(f' --hash=sha256:{digest}' for digest in digests)}\n" in log
    assert "--no-deps --only-binary :all: --require-hashes" in log
    assert [path.name for path in (machine.checkout / ".uv").iterdir()] == ["bin"]


@pytest.mark.parametrize(
    ("system", "processor"), [("Linux", "riscv64"), ("Darwin", "x86_64"), ("FreeBSD", "amd64"), ("Linux", "i686")]
)
def test_a_machine_that_the_lock_does_not_know_is_told_which_it_knows(
    machine: Machine, system: str, processor: str
) -> None:
    machine.calls_itself(system, processor)
    machine.has_uv("0.13.9")
    code, said, errors = machine.run("-l")
    assert (code, said) == (3, "")
    assert f"this is {system} on {processor}; uv.lock knows Linux on x86_64 and aarch64, and Darwin (macOS)" in errors
    assert "next: run it on one of these" in errors


def test_the_lock_has_a_uv_for_each_machine_that_is_let_through(machine: Machine) -> None:
    shutil.copy2(CHECKOUT / "uv.lock", machine.checkout)
    told = uv_lock.wheels((CHECKOUT / "uv.lock").read_text())["uv"]
    machine.put(machine.bin / "uv", UV.format(version="0"))
    machine.has_python()
    for system, processor in (("Linux", "x86_64"), ("Linux", "aarch64"), ("Darwin", "arm64")):
        machine.calls_itself(system, processor)
        machine.log.write_text("")
        machine.run("-l")
        due = {
            digest for name, digest in told.items() if ("macosx" in name) == (system == "Darwin") and processor in name
        }
        fetched = set(re.findall("sha256:([0-9a-f]{64})", machine.log.read_text()))
        assert fetched == due != set()
        shutil.rmtree(machine.checkout / ".uv")


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("version", ["", "0.4.1", "0.13.9"])
def test_every_shell_that_is_here_runs_it(machine: Machine, tmp_path: Path, shell: str, version: str) -> None:
    program, *options = SHELLS[shell]
    if not (found := shutil.which(program)):
        pytest.skip(f"NOT TESTED: there is no {program} here")
    machine.shell = [found, *options]
    machine.has_python()
    if version:
        machine.has_uv(version)
    (tmp_path / "first").symlink_to("check out/noxw")
    (tmp_path / "bin" / "second").symlink_to("../first")
    done = subprocess.run(
        [*machine.shell, tmp_path / "bin" / "second", "-s", "a b"],
        env=machine.env, cwd="/", capture_output=True, text=True, check=False, timeout=20,
    )  # fmt: skip
    said = f"0.13.9 in {machine.checkout}: run --frozen --group tools nox -s a b\n"
    assert (done.returncode, done.stdout) == (0, said), done.stderr


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
    assert "next: apt-get install python3 python3-pip" in errors


@pytest.mark.parametrize(
    ("system", "processor", "supply"),
    [("Linux", "aarch64", "apt-get install python3 python3-pip"), ("Darwin", "arm64", "brew install python@3.11")],
)
def test_without_python_the_next_step_is_said(machine: Machine, system: str, processor: str, supply: str) -> None:
    machine.calls_itself(system, processor)
    code, _said, errors = machine.run("-l")
    assert code == 3
    assert f"install Python 3.11 ({supply})" in errors


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
