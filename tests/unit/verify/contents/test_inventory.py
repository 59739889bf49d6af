"""What an image's layers hold is read from the exported archive: bytes, distributions, libraries, interpreter."""

import hashlib
import itertools
import tarfile
from collections.abc import Callable

import pytest

from tests.support.archives import (
    LAYOUTS,
    SITE,
    Layout,
    Member,
    archive,
    chunks,
    config,
    diff_id,
    directory,
    distribution,
    emptied,
    file,
    hardlink,
    layer,
    read,
    read_contents,
    removed,
    symlink,
)
from tests.support.elves import shared_library, shared_library_32
from verify.contents.elf import ARCHIVE, DEVICE_CODE
from verify.contents.model import Contents

NCCL = shared_library("libnccl.so.2")


def names(contents: Contents) -> list[str]:
    return [one.name for one in contents.distributions]


def libraries(contents: Contents) -> list[str]:
    return [one.path for one in contents.cuda_libraries]


def any_image() -> list[list[Member]]:
    return [
        [file("usr/bin/python3.11", b"\x7fELF base"), symlink("usr/bin/python3", "python3.11")],
        [*distribution("fastapi", "0.1", file(f"{SITE}/fastapi/__init__.py", 300)), file("etc/passwd", 40)],
        [symlink("opt/venv/bin/python", "/usr/bin/python3"), file("opt/x/libnccl.so.2", NCCL), file("app/.env", 9)],
    ]


def test_the_tags_of_a_distribution_s_wheel_are_read() -> None:
    wheel = file(f"{SITE}/fastapi-0.1.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
    assert [one.tags for one in read([*distribution("fastapi", "0.1"), wheel]).distributions] == [["py3-none-any"]]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_contents(layout: Layout) -> None:
    contents = read(*any_image(), layout=layout)
    assert contents == read(*any_image())
    assert [one.files for one in contents.layers] == [1, 4, 2]
    assert (names(contents), libraries(contents)) == (["fastapi"], ["/opt/x/libnccl.so.2"])
    assert contents.interpreter is not None


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layer_that_an_image_holds_twice_is_read_twice(layout: Layout) -> None:
    contents = read([file("a", 5)], [file("a", 5)], layout=layout)
    assert [one.unpacked_bytes for one in contents.layers] == [5, 5]


def test_unpacked_bytes_are_the_sum_of_the_regular_files() -> None:
    contents = read([file("a", 5), file("d/b", 7), directory("d"), symlink("l", "a")], [file("c", 1)])
    assert [(one.unpacked_bytes, one.files) for one in contents.layers] == [(12, 2), (1, 1)]
    assert contents.unpacked_bytes == 13


def test_added_bytes_are_those_above_the_base_image() -> None:
    contents = read([file("a", 5)], [file("b", 7)], [file("c", 1)])
    assert [contents.added_bytes(base) for base in (0, 1, 3)] == [13, 8, 0]


def test_a_file_that_a_later_layer_overwrites_counts_twice_and_is_told_as_repeated() -> None:
    contents = read([file("a", 5), file("b", 1)], [file("a", 6), file("c", 1)])
    assert contents.unpacked_bytes == 13
    assert [one.repeated_bytes for one in contents.layers] == [0, 6]


def test_a_hard_link_counts_once() -> None:
    contents = read([file("a", 5), hardlink("b", "a")])
    assert (contents.unpacked_bytes, contents.layers[0].files) == (5, 1)


def test_a_file_that_was_deleted_in_between_is_not_repeated() -> None:
    contents = read([file("a", 5)], [removed("a")], [file("a", 5)])
    assert [one.repeated_bytes for one in contents.layers] == [0, 0, 0]


def test_a_file_in_place_of_a_link_is_not_repeated() -> None:
    contents = read([file("b", 9), symlink("a", "b")], [file("a", 5)])
    assert contents.layers[1].repeated_bytes == 0


@pytest.mark.parametrize("gone", [removed(SITE), emptied(SITE), emptied("opt"), removed("opt")])
def test_what_a_later_layer_deletes_is_no_longer_there_but_keeps_its_bytes(gone: Member) -> None:
    below = [
        *distribution("torch", "2.0", file(f"{SITE}/torch/libc10_cuda.so", NCCL)),
        file("opt/venv/bin/python", b"x"),
    ]
    contents = read(below, [gone])
    assert (names(contents), libraries(contents)) == ([], [])
    assert contents.unpacked_bytes == sum(len(one.data) for one in below)


def test_a_deleted_file_takes_none_with_it_whose_name_only_begins_alike() -> None:
    contents = read([file("opt/libnccl.so.2", NCCL), file("opt/lib/libnccl.so.2", NCCL)], [removed("opt/lib")])
    assert libraries(contents) == ["/opt/libnccl.so.2"]


def test_an_opaque_directory_hides_earlier_layers_and_not_its_own() -> None:
    contents = read([file("opt/libnccl.so.2", NCCL)], [file("opt/libnccl.so.3", NCCL), emptied("opt")])
    assert libraries(contents) == ["/opt/libnccl.so.3"]


def test_a_file_in_place_of_a_directory_hides_what_lay_below_it() -> None:
    assert libraries(read([file("opt/libnccl.so.2", NCCL)], [file("opt", 1)])) == []


def test_a_directory_in_place_of_a_link_is_no_link_any_longer() -> None:
    below = [file("usr/bin/python", b"base"), symlink("opt/venv/bin", "/usr/bin")]
    contents = read(below, [directory("opt/venv/bin"), file("opt/venv/bin/python", b"other")])
    assert contents.interpreter is not None
    assert (contents.interpreter.path, contents.interpreter.layer) == ("/opt/venv/bin/python", 1)


def test_a_distribution_is_told_with_version_directory_and_layer() -> None:
    contents = read([file("a")], distribution("Typing_Extensions", "4.15.0"))
    (one,) = contents.distributions
    assert (one.name, one.version, one.layer) == ("typing-extensions", "4.15.0", 1)
    assert one.path == f"/{SITE}/Typing_Extensions-4.15.0.dist-info"


def test_a_distribution_that_another_vendors_is_part_of_that_one() -> None:
    vendored = distribution("wheel", "0.1", site=f"{SITE}/setuptools/_vendor")
    assert names(read(distribution("setuptools", "80.0", *vendored))) == ["setuptools"]


def test_an_upgraded_distribution_is_there_once() -> None:
    old, new = distribution("pip", "1.0"), distribution("pip", "2.0")
    contents = read(old, [*new, removed(f"{SITE}/pip-1.0.dist-info")])
    assert [(one.name, one.version, one.layer) for one in contents.distributions] == [("pip", "2.0", 1)]


def test_a_distribution_that_is_installed_twice_is_told_twice() -> None:
    assert names(read(distribution("pip", "1.0"), distribution("pip", "2.0"))) == ["pip", "pip"]


def test_bytes_by_distribution_are_those_of_the_files_that_its_record_lists() -> None:
    script = file("opt/venv/bin/uvicorn", 50)
    (one,) = read(distribution("uvicorn", "1.0", file(f"{SITE}/uvicorn/__init__.py", 200), script)).layers
    assert one.by_distribution == {"uvicorn": one.unpacked_bytes}


def test_bytecode_belongs_to_the_distribution_that_owns_its_source() -> None:
    cached = file(f"{SITE}/uvicorn/__pycache__/main.cpython-311.pyc", 70)
    (one,) = read([*distribution("uvicorn", "1.0", file(f"{SITE}/uvicorn/main.py", 200)), cached]).layers
    assert one.by_distribution == {"uvicorn": one.unpacked_bytes}


def test_what_no_distribution_owns_has_no_name() -> None:
    (one,) = read([*distribution("uvicorn", "1.0"), file("etc/passwd", 70), file(f"{SITE}/stray.py", 7)]).layers
    assert one.by_distribution[""] == 77


def test_bytes_by_distribution_sum_up_to_the_layer_s_bytes() -> None:
    record_alone = distribution("ghost", "1.0", file(f"{SITE}/ghost.py", 11))
    contents = read(*any_image(), record_alone, [removed(f"{SITE}/ghost-1.0.dist-info"), file(f"{SITE}/ghost.py", 12)])
    assert [sum(one.by_distribution.values()) for one in contents.layers] == [
        one.unpacked_bytes for one in contents.layers
    ]


INFO = f"/{SITE}/uvicorn-1.0.dist-info"


def test_what_a_record_lists_and_no_layer_holds_is_told_by_its_distribution() -> None:
    kept, gone = file(f"{SITE}/uvicorn/a.py", 1), file(f"{SITE}/uvicorn/b.py", 1)
    members = [one for one in distribution("uvicorn", "1.0", kept, gone) if one != gone]
    assert read(members).absent == {INFO: [f"/{SITE}/uvicorn/b.py"]}


def test_what_a_later_layer_removes_is_absent() -> None:
    members = distribution("uvicorn", "1.0", file(f"{SITE}/uvicorn/a.py", 1))
    assert read(members).absent == {}
    assert read(members, [removed(f"{SITE}/uvicorn/a.py")]).absent == {INFO: [f"/{SITE}/uvicorn/a.py"]}


def test_bytecode_that_a_record_lists_may_be_absent() -> None:
    cached = file(f"{SITE}/uvicorn/__pycache__/a.cpython-311.pyc", 1)
    assert read([one for one in distribution("uvicorn", "1.0", cached) if one != cached]).absent == {}


def test_a_file_below_a_linked_directory_is_there() -> None:
    listed = file("opt/venv/lib64/python3.11/site-packages/a.py", 1)
    members = [one for one in distribution("uvicorn", "1.0", listed) if one != listed]
    assert read([*members, file(f"{SITE}/a.py", 1), symlink("opt/venv/lib64", "lib")]).absent == {}


def test_a_record_that_is_no_record_leaves_the_files_without_an_owner() -> None:
    info = f"{SITE}/odd-1.0.dist-info"
    members = [file(f"{info}/METADATA", "Name: odd\nVersion: 1.0\n"), file(f"{info}/RECORD", '"' + "x" * 200_000)]
    (one,) = read([*members, file(f"{SITE}/odd.py", 5)]).layers
    assert sum(one.by_distribution.values()) == one.unpacked_bytes


@pytest.mark.parametrize(
    "name",
    [
        "libcudart.so.13", "libcudnn_ops.so.9", "libcublasLt.so.13", "libtorch_cuda.so", "libcudart-d0da41ae.so.11.0",
        "libnppc.so.13", "libnppial.so.13", "libnvjpeg.so.13", "libnvvm.so.4", "libcudss.so.0", "libcusparseLt.so.0",
        "libcudss_mtlayer_gomp.so.0", "libnvrtc-builtins.so.13.0", "libcupti.so.13", "libnvshmem_host.so.3",
        "libcufile.so.0", "libcufile_rdma.so.1", "libnccl.so.2", "libnvperf_host.so", "libnvtx3interop.so.1",
        "libnvidia-ml.so.1", "libnvinfer.so.10", "libnvcomp.so.5", "libcutensor.so.2", "libnvJitLink.so.13",
    ],
)  # fmt: skip
def test_a_cuda_library_is_known_by_its_file_name(name: str) -> None:
    (one,) = read([file(f"opt/x/{name}", shared_library(None))]).cuda_libraries
    assert (one.soname, one.path, one.bytes) == (name, f"/opt/x/{name}", len(shared_library(None)))


@pytest.mark.parametrize("where", ["opt/x/libharmless.so", "tmp/picture.png", "opt/bin/python-helper"])
def test_a_cuda_library_is_known_by_its_soname_although_it_was_renamed(where: str) -> None:
    (one,) = read([file(where, NCCL)]).cuda_libraries
    assert (one.soname, one.path) == ("libnccl.so.2", f"/{where}")


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("usr/lib/libc.so.6", shared_library("libc.so.6")),
        ("usr/lib/libcudahelper.so", shared_library("libcudahelper.so")),
        ("usr/share/libnccl.so.2.txt.gz", b"no library"),
        ("usr/share/libnccl.md", b"no library"),
        ("usr/include/libcudart.h", b"#define"),
    ],
)
def test_what_is_no_cuda_library_is_not_taken_for_one(path: str, data: bytes) -> None:
    assert read([file(path, data)]).cuda_libraries == []


@pytest.mark.parametrize("name", ["libcudart.so.13", "libnccl.so", "libcudart_static.a", "libcublas.so.13.0.1"])
@pytest.mark.parametrize("data", [b"", b"text", shared_library(None)[:60], shared_library_32(None), b"!<arch>\n"])
def test_a_cuda_library_is_known_by_its_name_whatever_it_holds(name: str, data: bytes) -> None:
    assert [(one.soname, one.path) for one in read([file(f"opt/{name}", data)]).cuda_libraries] == [
        (name, f"/opt/{name}")
    ]


@pytest.mark.parametrize("other", [hardlink("opt/libcudart.so.13", "opt/a.so"), symlink("opt/libcudart.so.13", "a.so")])
def test_a_cuda_library_is_known_by_each_of_its_names(other: Member) -> None:
    found = read([file("opt/a.so", shared_library("liba.so.1")), other]).cuda_libraries
    assert [(one.soname, one.path) for one in found] == [("liba.so.1", "/opt/libcudart.so.13")]
    again = read(
        [file("opt/libcudart.so.1", NCCL), other, symlink("opt/libcudart.so", "libcudart.so.1")]
    ).cuda_libraries
    assert {one.path for one in again if other.kind == tarfile.SYMTYPE} <= {"/opt/libcudart.so.1"}


def test_a_link_that_leads_nowhere_is_no_library() -> None:
    assert read([symlink("opt/libcudart.so.13", "/usr/local/cuda/libcudart.so.13")]).cuda_libraries == []


def test_what_a_library_of_32_bits_is_called_and_needs_is_read() -> None:
    found = read([file("opt/a.so", shared_library_32("libnccl.so.2", needed=("libcudart.so.13",)))])
    assert [(one.soname, one.path) for one in found.cuda_libraries] == [("libnccl.so.2", "/opt/a.so")]
    assert found.cuda_code == {"/opt/a.so": "needs libcudart.so.13"}


def test_a_file_is_cuda_s_by_what_is_in_it_whatever_it_is_called() -> None:
    linked = shared_library("libquick.so.1", needed=("libc.so.6", "libcudart.so.13"))
    found = read([
        file("opt/x/quick.so", linked),
        file("opt/x/kernels.so", shared_library("libkernels.so.1") + DEVICE_CODE[0]),
        file("opt/x/kernels.a", ARCHIVE + DEVICE_CODE[1]),
        file("opt/x/plain.so", shared_library("libplain.so.1", needed=("libc.so.6",))),
        file("opt/x/words.txt", b"words" + DEVICE_CODE[0]),
        file("opt/x/fast.dat", DEVICE_CODE[0]),
        symlink("opt/link.so", "x/quick.so"),
    ])  # fmt: skip
    assert found.cuda_libraries == []
    assert found.cuda_code == {
        "/opt/x/fast.dat": "has code for a GPU",
        "/opt/x/kernels.a": "has code for a GPU",
        "/opt/x/kernels.so": "has code for a GPU",
        "/opt/x/quick.so": "needs libcudart.so.13",
    }


def test_links_to_a_cuda_library_are_no_further_copies() -> None:
    links = [hardlink("opt/x/libnccl.so", "opt/x/libnccl.so.2"), symlink("opt/libnccl.so", "x/libnccl.so.2")]
    assert libraries(read([file("opt/x/libnccl.so.2", NCCL), *links])) == ["/opt/x/libnccl.so"]


def test_a_library_with_several_names_is_told_by_the_first_in_a_walk_in_whatever_order_an_archive_has_them() -> None:
    one = [file("opt/x/libnccl.so.2", NCCL), hardlink("opt/a/libnccl.so", "opt/x/libnccl.so.2")]
    other = [file("opt/a/libnccl.so", NCCL), hardlink("opt/x/libnccl.so.2", "opt/a/libnccl.so")]
    assert libraries(read(one)) == libraries(read(other)) == ["/opt/a/libnccl.so"]


def test_a_cuda_library_remains_when_only_the_first_of_its_hard_links_is_deleted() -> None:
    contents = read([file("tmp/x", NCCL), hardlink("opt/libnccl.so.2", "tmp/x")], [removed("tmp/x")])
    assert libraries(contents) == ["/opt/libnccl.so.2"]


def test_the_interpreter_is_found_on_the_path_through_links_of_files_and_directories() -> None:
    contents = read(
        [file("usr/local/bin/python3.11", b"the base's"), symlink("usr/local/bin/python3", "python3.11")],
        [symlink("opt/venv/bin", "../env/bin"), symlink("opt/env/bin/python", "/usr/local/bin/python3")],
    )
    assert contents.interpreter is not None
    found = contents.interpreter
    assert (found.path, found.layer) == ("/usr/local/bin/python3.11", 0)
    assert found.sha256 == hashlib.sha256(b"the base's").hexdigest()


def test_the_first_python_on_the_path_is_the_interpreter() -> None:
    contents = read([file("usr/bin/python", b"a")], [file("opt/venv/bin/python", b"b")])
    assert contents.interpreter is not None
    assert (contents.interpreter.path, contents.interpreter.layer) == ("/opt/venv/bin/python", 1)


@pytest.mark.parametrize(
    "members",
    [[], [file("sbin/python")], [symlink("usr/bin/python", "nowhere")], [symlink("usr/bin/python", "python")]],
    ids=["none", "not on the path", "dangling link", "link to itself"],
)
def test_an_image_without_python_on_its_path_has_no_interpreter(members: list[Member]) -> None:
    assert read([file("etc/passwd"), *members]).interpreter is None


def test_an_interpreter_that_a_later_layer_replaces_is_that_layer_s() -> None:
    contents = read([file("usr/bin/python", b"base")], [file("usr/bin/python", b"other")])
    assert contents.interpreter is not None
    assert contents.interpreter.layer == 1


@pytest.mark.parametrize(
    "members",
    [
        lambda name: [file(f"opt/{name}/.env", 3)],
        lambda name: [file(f"opt/{name}.so", NCCL)],
        lambda name: distribution("odd", "1.0", file(f"{SITE}/{name}.py", 3)),
        lambda name: [file(f"usr/lib/{name}", b"x"), symlink("usr/bin/python", f"../lib/{name}")],
    ],
    ids=["leftover", "library", "distribution", "interpreter"],
)
def test_a_file_name_that_is_no_utf_8_is_read_like_any_other(members: Callable[[str], list[Member]]) -> None:
    contents = read(members("caf\udce9"))
    assert (
        Contents.model_validate_json(contents.model_dump_json(by_alias=True)).unpacked_bytes == contents.unpacked_bytes
    )


def test_an_image_is_the_same_in_whatever_pieces_the_engine_sends_it() -> None:
    packed = [layer(*members) for members in any_image()]
    sent, diff_ids = archive(packed), [diff_id(one) for one in packed]
    seen = [read_contents(chunks(sent, size), config(diff_ids)) for size in (1000, 512, len(sent))]
    assert all(one == two for one, two in itertools.pairwise(seen))
