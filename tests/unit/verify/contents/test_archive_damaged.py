"""An export that is cut off or is no image's is told as such: nothing else is ever raised, nothing half is believed."""

import contextlib
import io
import tarfile

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.support.archives import (
    LAYOUTS,
    SITE,
    Layout,
    Member,
    archive,
    chunks,
    config,
    diff_id,
    distribution,
    file,
    layer,
    read_contents,
    symlink,
)
from tests.support.elves import shared_library
from verify.contents.archive import read_layers
from verify.contents.model import Contents
from verify.contents.raw_layer import UnreadableArchive

LAYERS = [
    layer(file("usr/bin/python", b"base" * 200), file("etc/passwd", 40)),
    layer(*distribution("torch", "2.0", file(f"{SITE}/torch/libnccl.so.2", shared_library("libnccl.so.2")))),
]
DIFF_IDS = [diff_id(one) for one in LAYERS]


def read(data: bytes, diff_ids: list[str] = DIFF_IDS) -> Contents:
    return read_contents(chunks(data, 1000), config(diff_ids))


WHOLE = {layout: archive(LAYERS, layout) for layout in LAYOUTS}
RIGHT = read(WHOLE["oci"])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_archive_that_is_cut_off_is_never_taken_for_less_than_the_image(layout: Layout) -> None:
    whole = WHOLE[layout]
    for end in range(0, len(whole) - 1, 509):
        try:
            contents = read(whole[:end])
        except UnreadableArchive:
            continue
        assert contents == RIGHT


@pytest.mark.parametrize("end", [0, 1, 512, 1024, 3000])
def test_an_archive_that_is_cut_off_is_unreadable_and_says_so(end: int) -> None:
    with pytest.raises(UnreadableArchive, match="the exported archive"):
        read(WHOLE["oci"][:end])


def test_an_archive_with_fewer_layers_than_the_image_is_unreadable() -> None:
    with pytest.raises(UnreadableArchive, match="lacks 1 of the image's layers: sha256:more"):
        read(WHOLE["oci"], [*DIFF_IDS, "sha256:more"])
    with pytest.raises(UnreadableArchive, match="lacks 2 of the image's layers: sha256:more"):
        read(WHOLE["oci"], [*DIFF_IDS, "sha256:more", "sha256:most"])


@pytest.mark.parametrize(
    "said",
    [[], [file("manifest.json", "[")], [file("manifest.json", '[{"Layers": ["blobs/sha256/b"]}]')]],
    ids=["nothing", "no JSON", "another layer"],
)
def test_what_an_archive_says_of_its_layers_counts_for_nothing_their_digest_for_all(said: list[Member]) -> None:
    blobs = [file(f"blobs/sha256/{number}", data) for number, data in enumerate(reversed(LAYERS))]
    assert read(layer(*blobs, *said)) == RIGHT


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layer_with_a_single_other_byte_is_not_the_image_s(layout: Layout) -> None:
    other = bytearray(LAYERS[0])
    other[520] ^= 1  # in the first file's data
    with pytest.raises(UnreadableArchive, match=f"lacks 1 of the image's layers: {DIFF_IDS[0]}"):
        read(archive([bytes(other), LAYERS[1]], layout))


def test_a_layer_that_is_known_is_passed_over() -> None:
    """What lies under its name is not even looked at: here it is no archive at all."""
    data = layer(file(f"blobs/{DIFF_IDS[0].replace(':', '/')}", b"x" * 2000), file("blobs/sha256/b", LAYERS[1]))
    assert list(read_layers(chunks(data), known={DIFF_IDS[0]})) == [DIFF_IDS[1]]


def test_a_layer_that_is_no_archive_makes_the_whole_unreadable() -> None:
    with pytest.raises(UnreadableArchive):
        read(layer(file("blobs/sha256/a", b"x" * 2000)), [diff_id(b"x" * 2000)])


@pytest.mark.parametrize("end", [100, 700, 1600])
def test_a_layer_that_is_cut_off_within_a_whole_archive_makes_the_whole_unreadable(end: int) -> None:
    with pytest.raises(UnreadableArchive):
        read(archive([LAYERS[0][:end], LAYERS[1]]))


def test_a_damaged_header_within_a_layer_is_never_taken_for_the_layer_s_end() -> None:
    damaged = bytearray(LAYERS[0])
    damaged[1536 + 148] ^= 1  # the checksum of the second file's header
    with pytest.raises(UnreadableArchive):
        read(archive([bytes(damaged), LAYERS[1]]))


def test_the_older_layout_s_link_to_a_layer_that_is_there_already_is_followed() -> None:
    """Engines before 25 write the second of two equal layers as a symbolic link to the first."""
    data = layer(file("a/layer.tar", LAYERS[0]), symlink("b/layer.tar", "../a/layer.tar"))
    contents = read(data, [DIFF_IDS[0]] * 2)
    assert [one.unpacked_bytes for one in contents.layers] == [840, 840]


def test_a_library_that_lies_about_its_size_does_not_break_the_reading() -> None:
    liar = shared_library("libnccl.so.2", gap=1 << 20, dynamic_bytes=2**63)
    packed = layer(file("opt/libnccl.so.2", liar))
    assert [one.path for one in read(archive([packed]), [diff_id(packed)]).cuda_libraries] == ["/opt/libnccl.so.2"]


@settings(deadline=None, max_examples=30)
@given(data=st.binary(max_size=1500))
def test_random_bytes_are_an_unreadable_archive(data: bytes) -> None:
    with pytest.raises(UnreadableArchive):
        read(data)


@settings(deadline=None, max_examples=30)
@given(data=st.binary(min_size=1, max_size=1500))
def test_random_bytes_in_place_of_a_layer_are_read_as_nothing_or_as_unreadable(data: bytes) -> None:
    assume(not data.startswith(b"{"))
    with contextlib.suppress(UnreadableArchive):
        assert read(layer(file("blobs/sha256/a", data)), [diff_id(data)]).layers[0].files == 0


@settings(deadline=None, max_examples=30)
@given(data=st.binary(min_size=1, max_size=600), name=st.sampled_from(["METADATA", "RECORD"]))
def test_random_bytes_in_a_distribution_s_files_never_break_the_reading(data: bytes, name: str) -> None:
    packed = layer(*distribution("odd", "1.0"), file(f"{SITE}/odd-1.0.dist-info/{name}", data))
    contents = read(archive([packed]), [diff_id(packed)])
    assert sum(contents.layers[0].by_distribution.values()) == contents.unpacked_bytes


@settings(deadline=None, max_examples=30)
@given(at=st.integers(0, 3000), value=st.binary(min_size=1, max_size=4), layout=st.sampled_from(LAYOUTS))
def test_a_damaged_archive_is_read_right_or_unreadable(at: int, value: bytes, layout: Layout) -> None:
    data = bytearray(WHOLE[layout])
    data[at : at + len(value)] = value
    with contextlib.suppress(UnreadableArchive):
        assert read(bytes(data)) == RIGHT


def test_a_layer_written_in_another_dialect_of_the_format_is_read_alike() -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar:
        info = tarfile.TarInfo("opt/" + "long/" * 40 + "name")
        info.size = 7
        tar.addfile(info, io.BytesIO(b"content"))
    (one,) = read(archive([packed.getvalue()]), [diff_id(packed.getvalue())]).layers
    assert (one.unpacked_bytes, one.files) == (7, 1)
