"""A build gets a uv of its images' platform: the host's own where it is one, else a locked one that is fetched once."""

from pathlib import Path

import pytest

from deploy.build.uv_binary import uv_binary
from deploy.errors import Exit, Problem
from deploy.uv_lock import locked_version, wheels
from tests.support.checkout import PROJECT

# As `uv pip install` would: a program below --target, and a note of how it was called.
UV = """\
#!/bin/sh
echo "$*" >>{log}
while [ "$1" != --target ]; do shift; done
mkdir -p "$2/bin" && echo fetched >"$2/bin/uv"
while [ "$1" != --requirements ]; do shift; done
cat "$2" >>{log}
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program, log = tmp_path / "uv", tmp_path / "log"
    program.write_text(UV.format(log=log), encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr("uv.find_uv_bin", lambda: str(program))
    return log


def on(monkeypatch: pytest.MonkeyPatch, system: str, machine: str) -> None:
    monkeypatch.setattr("platform.system", lambda: system)
    monkeypatch.setattr("platform.machine", lambda: machine)


@pytest.mark.parametrize(("images", "machine"), [("linux/amd64", "x86_64"), ("linux/arm64", "aarch64")])
def test_where_the_host_is_of_the_images_platform_its_own_is_taken(
    log: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, images: str, machine: str
) -> None:
    on(monkeypatch, "Linux", machine)
    assert uv_binary(images, PROJECT.lock, tmp_path / "cache") == tmp_path / "uv"
    assert not log.exists()


@pytest.mark.parametrize(
    ("host", "images", "wanted"),
    [
        (("Darwin", "arm64"), "linux/amd64", "x86_64"),
        (("Darwin", "arm64"), "linux/arm64", "aarch64"),
        (("Linux", "aarch64"), "linux/amd64", "x86_64"),
        (("Linux", "x86_64"), "linux/arm64", "aarch64"),
    ],
)
def test_elsewhere_the_locked_one_is_fetched_once_by_the_digests_of_that_platform(
    log: Path, monkeypatch: pytest.MonkeyPatch, host: tuple[str, str], images: str, wanted: str
) -> None:
    on(monkeypatch, *host)
    found = [uv_binary(images, PROJECT.lock, log.parent / "cache") for _ in range(2)]
    assert [path.read_text(encoding="utf-8") for path in found] == ["fetched\n"] * 2
    called, required = log.read_text(encoding="utf-8").splitlines()
    assert f"--python-platform {wanted}-unknown-linux-gnu --no-deps --only-binary :all: --require-hashes" in called
    named = wheels(PROJECT.lock.read_text(encoding="utf-8"))["uv"]
    due = {digest for name, digest in named.items() if name.endswith(f"_{wanted}.whl")}
    version, *digests = required.split()
    assert version == f"uv=={locked_version('uv', PROJECT.lock)}"
    assert {one.removeprefix("--hash=sha256:") for one in digests} == due != set()
    assert [path.name for path in (log.parent / "cache").iterdir()] == [found[0].parent.parent.name]


def test_what_cannot_be_fetched_is_told_with_uv_s_words(
    log: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "uv").write_text("#!/bin/sh\necho no route to the index >&2; exit 2\n", encoding="utf-8")
    on(monkeypatch, "Darwin", "arm64")
    with pytest.raises(Problem, match="no route to the index") as told:
        uv_binary("linux/amd64", PROJECT.lock, tmp_path / "cache")
    assert "for Linux on x86_64, which builds need here" in told.value.doing
    assert told.value.code == Exit.UNAVAILABLE
    assert not log.exists()
    assert list((tmp_path / "cache").iterdir()) == []
