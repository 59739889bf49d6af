"""Bytecode is its source's by hash, or by time and size, as Python itself compares them."""

import os
import py_compile
from pathlib import Path
from py_compile import PycInvalidationMode as Mode

import pytest

from verify.contents.bytecode import fault, header

OTHER = "bytecode of another source"
NONE = "no bytecode of this Python"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "a.py").write_text("a = 1\n", encoding="utf-8")
    os.utime(tmp_path / "a.py", (1_700_000_000, 1_700_000_000.7))
    return tmp_path / "a.py"


def compiled(source: Path, mode: Mode) -> bytes:
    return Path(py_compile.compile(str(source), invalidation_mode=mode, doraise=True) or "").read_bytes()


def of(source: Path) -> str | None:
    return header(str(source), source.read_bytes(), source.stat().st_mtime_ns // 10**9)


@pytest.mark.parametrize("mode", list(Mode))
def test_bytecode_that_python_compiles_is_its_source_s(source: Path, mode: Mode) -> None:
    assert fault(header("a.pyc", compiled(source, mode), 5), of(source)) == ""


@pytest.mark.parametrize("mode", list(Mode))
def test_bytecode_of_another_source_of_the_same_size_is_told(source: Path, mode: Mode) -> None:
    bytecode = header("a.pyc", compiled(source, mode), 0)
    source.write_text("a = 2\n", encoding="utf-8")
    assert fault(bytecode, of(source)) == OTHER


@pytest.mark.parametrize(
    ("mode", "told"), [(Mode.TIMESTAMP, OTHER), (Mode.UNCHECKED_HASH, ""), (Mode.CHECKED_HASH, "")]
)
def test_the_time_of_a_source_counts_where_bytecode_goes_by_it(source: Path, mode: Mode, told: str) -> None:
    bytecode = header("a.pyc", compiled(source, mode), 0)
    os.utime(source, (1_700_000_001, 1_700_000_001))
    assert fault(bytecode, of(source)) == told


def test_the_size_of_a_source_counts_with_its_time(source: Path) -> None:
    bytecode = header("a.pyc", compiled(source, Mode.TIMESTAMP), 0)
    source.write_text("a = 1\n\n", encoding="utf-8")
    os.utime(source, (1_700_000_000, 1_700_000_000))
    assert fault(bytecode, of(source)) == OTHER


def test_what_is_no_bytecode_of_this_python_is_told(source: Path) -> None:
    data = compiled(source, Mode.UNCHECKED_HASH)
    for wrong in (b"", data[:15], b"\xcb" + data[1:], bytes(16)):
        assert fault(header("a.pyc", wrong, 0), of(source)) == NONE
    assert fault(None, of(source)) == NONE


def test_a_source_that_was_not_read_has_no_bytecode(source: Path) -> None:
    assert fault(header("a.pyc", compiled(source, Mode.UNCHECKED_HASH), 0), None) == OTHER


@pytest.mark.parametrize("mode", list(Mode))
def test_an_empty_source_that_was_not_read_has_any_time(source: Path, mode: Mode) -> None:
    full = header("a.pyc", compiled(source, mode), 0)
    source.write_bytes(b"")
    bytecode = header("a.pyc", compiled(source, mode), 0)
    assert fault(bytecode, None, empty=True) == ""
    assert fault(full, None, empty=True) == fault(bytecode, None) == OTHER
    if mode is Mode.TIMESTAMP:
        os.utime(source, (5, 5))
        assert fault(bytecode, of(source), empty=True) == OTHER


@pytest.mark.parametrize("path", ["/a.txt", "/a.pyx", "/a.py.bak", "/apy"])
def test_no_other_file_has_a_header(path: str) -> None:
    assert header(path, b"text", 0) is None
