"""What is not what it seems: shared objects that no loader takes, and bytecode beside a source that is not its own."""

import marshal
import struct
from importlib.util import MAGIC_NUMBER, source_hash

import pytest

from tests.support.archives import SITE, Member, file, hardlink, read, symlink
from tests.support.elves import shared_library, shared_library_32

WHOLE = shared_library("liba.so.1")
PYTHON = [file("usr/bin/python3.11", shared_library(None)), symlink("usr/bin/python", "python3.11")]


def broken(*members: Member) -> list[tuple[str, str]]:
    found = read(PYTHON, [*members]).broken
    assert {one.layer for one in found} <= {1}
    return [(one.path, one.why) for one in found]


def patched(at: int, data: bytes) -> bytes:
    return WHOLE[:at] + data + WHOLE[at + len(data) :]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (WHOLE, ""),
        (b"INPUT(liba.so.1)", ""),
        (b"/* GNU ld script\n*/\nOUTPUT_FORMAT(elf64-x86-64)\nGROUP ( /lib/libc.so.6 )", ""),
        (b"INPUT(" + b" " * (1 << 16) + b"x)", "no ELF file"),
        (b"", "no ELF file"),
        (bytes(5000), "no ELF file"),
        (b"text", "no ELF file"),
        (WHOLE[:-1], "cut off"),
        (WHOLE[:100], "cut off"),
        (WHOLE[:20], "cut off"),
        (WHOLE[:4], "cut off"),
        (patched(4, b"\x03"), "cut off"),  # a class that there is not: nothing else can be read
        (patched(40, struct.pack("<Q", len(WHOLE) + 1)), "cut off"),  # where section headers would begin
        (patched(6, b"\x02"), "no shared object"),
        (patched(7, b"\x09"), "no shared object"),
        (patched(16, b"\x02"), "no shared object"),
        (patched(16, b"\x01"), "no shared object"),
        (patched(54, b"\x20"), "no shared object"),
        (patched(64, b"\x06"), "no shared object"),
        (patched(120, b"\x06"), "no shared object"),
        (shared_library_32("liba.so.1"), "for another machine"),
        (shared_library("liba.so.1", machine=183), "for another machine"),
        (patched(5, b"\x02"), "for another machine"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["a.so", "liba.so.1.2.3", "a.cpython-311-x86_64-linux-gnu.so"])
def test_a_shared_object_is_one_that_the_loader_takes(name: str, data: bytes, why: str) -> None:
    assert broken(file(f"opt/{name}", data)) == [(f"/opt/{name}", why)] * bool(why)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (WHOLE, ""), (b"text", ""), (b"", ""), (patched(16, b"\x02"), ""), (patched(16, b"\x01"), ""),
        (WHOLE[:-1], "cut off"),
        (shared_library(None, machine=183), "for another machine"),
        (shared_library(None, machine=190), ""),  # of a GPU: cuda-libraries
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["tool", "a.so.txt", "a.sold", "a.so.debug"])
def test_any_other_elf_file_is_whole_and_of_the_image_s_machine(name: str, data: bytes, why: str) -> None:
    assert broken(file(f"opt/{name}", data)) == [(f"/opt/{name}", why)] * bool(why)


def test_without_an_interpreter_no_machine_is_the_image_s() -> None:
    assert read([file("x")], [file("opt/a.so", shared_library("a", machine=183))]).broken == []


def test_the_base_image_s_own_files_are_its_own_business() -> None:
    assert read([*PYTHON, file("usr/lib/a.so", b"text")]).broken == []


def test_each_name_of_a_file_counts() -> None:
    found = broken(file("opt/a", b"text"), hardlink("opt/b.so", "opt/a"))
    assert found == broken(file("opt/b.so", b"text"), hardlink("opt/a", "opt/b.so")) == [("/opt/b.so", "no ELF file")]


SOURCE, CACHED = f"{SITE}/a/m.py", f"{SITE}/a/__pycache__/m.cpython-311.pyc"


def bytecode(source: bytes, path: str = CACHED) -> Member:
    header = MAGIC_NUMBER + struct.pack("<I", 1) + source_hash(source)
    return file(path, header + marshal.dumps(compile(source, "m.py", "exec")))


def test_bytecode_is_held_against_the_source_beside_it() -> None:
    wrong = [(f"/{CACHED}", "bytecode of another source")]
    assert broken(file(SOURCE, "a = 1"), bytecode(b"a = 1")) == []
    assert broken(file(SOURCE, "a = 1"), bytecode(b"a = 2")) == wrong
    assert broken(bytecode(b"a = 1")) == []  # whose it is, lock-parity says
    assert broken(file("opt/m.py", "a = 1"), symlink(SOURCE, "/opt/m.py"), bytecode(b"a = 1")) == []
    assert broken(file("opt/m.py", "a = 2"), symlink(SOURCE, "/opt/m.py"), bytecode(b"a = 1")) == wrong


def test_an_empty_source_may_be_a_name_of_any_empty_file() -> None:
    found = broken(file("opt/empty"), hardlink(SOURCE, "opt/empty"), bytecode(b""))
    assert found == []
    assert broken(file("opt/text", "a = 1"), hardlink(SOURCE, "opt/text"), bytecode(b"a = 1"))


def test_optimized_bytecode_is_that_of_the_same_source() -> None:
    path = CACHED.replace(".pyc", ".opt-2.pyc")
    assert broken(file(SOURCE, "a = 1"), bytecode(b"a = 2", path)) == [(f"/{path}", "bytecode of another source")]


@pytest.mark.parametrize("name", ["m.cpython-312.pyc", "m.cpython-312.opt-1.pyc", "m.pyc"])
def test_bytecode_by_the_name_of_another_python_is_told(name: str) -> None:
    module, path = file(f"{SITE}/m.py", "x = 1"), f"{SITE}/__pycache__/{name}"
    data = MAGIC_NUMBER + struct.pack("<I", 1) + source_hash(b"x = 1") + marshal.dumps(None)
    assert broken(module, file(path, data)) == [(f"/{path}", "bytecode of another Python, by its name")]
    assert broken(file(path, data)) == []
    assert broken(module, file(path.replace(name, "m.cpython-311.pyc"), data)) == []
