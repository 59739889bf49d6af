"""A bbolt file is read as of its last commit; anything else is told as damaged."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.bolts import PAGE_SIZE, bolt
from verify.contents.bolt import PAGE, Damaged, read

TREE = {
    b"v1": {
        b"parents": {},
        b"snapshots": {b"%d" % number: {b"id": bytes([number]), b"kind": b"\3"} for number in range(20)},
        b"long": b"x" * 10_000,
    },
    b"version": b"2",
}


@pytest.mark.parametrize("commit", [7, 8], ids=["in the second page", "in the first page"])
@pytest.mark.parametrize("page_size", [1024, 4096, 16384])
@pytest.mark.parametrize("inline", [0, 2])
def test_all_buckets_are_read(tmp_path: Path, commit: int, page_size: int, inline: int) -> None:
    (tmp_path / "db").write_bytes(bolt(TREE, commit, page_size, inline=inline))
    assert read(tmp_path / "db") == TREE


def test_a_commit_that_was_not_finished_does_not_count(tmp_path: Path) -> None:
    """Its meta page has another checksum; the commit before it is whole."""
    data = bytearray(bolt(TREE, commit=8))
    data[PAGE_SIZE : 2 * PAGE_SIZE] = data[:PAGE_SIZE]
    data[PAGE_SIZE + PAGE.size + 48] += 1  # the number of the commit
    (tmp_path / "db").write_bytes(data)
    assert read(tmp_path / "db") == TREE


def test_a_file_that_is_written_while_it_is_read_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, path, later = Path.read_bytes, tmp_path / "db", iter(range(8, 100))
    path.write_bytes(bolt({b"old": b"1"}, commit=7))
    left = [2]

    def written_meanwhile(file: Path) -> bytes:
        data = whole(file)
        if left[0]:
            left[0] -= 1
            path.write_bytes(bolt(TREE, commit=next(later)))
        return data

    monkeypatch.setattr(Path, "read_bytes", written_meanwhile)
    assert read(path) == TREE
    left[0] = 100
    with pytest.raises(Damaged, match="while it was read"):
        read(path)


@pytest.mark.parametrize("data", [b"", b"x" * 5000, bolt(TREE)[: 2 * PAGE_SIZE], bolt(TREE)[: 4 * PAGE_SIZE + 100]])
def test_a_file_of_another_kind_or_without_its_pages_is_damaged(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "db").write_bytes(data)
    with pytest.raises(Damaged):
        read(tmp_path / "db")


def test_pages_that_lead_in_a_circle_are_damaged(tmp_path: Path) -> None:
    data = bytearray(bolt(TREE))
    root = int.from_bytes(data[PAGE_SIZE + 32 : PAGE_SIZE + 40], "little")
    start = root * PAGE_SIZE
    data[start + 8 : start + 12] = b"\1\0\1\0"  # a branch of one element
    data[start + 24 : start + 32] = root.to_bytes(8, "little")
    (tmp_path / "db").write_bytes(data)
    with pytest.raises(Damaged, match="twice"):
        read(tmp_path / "db")


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, len(bolt(TREE)) - 8), value=st.binary(min_size=1, max_size=8))
def test_a_file_with_other_bytes_is_read_or_damaged(tmp_path: Path, at: int, value: bytes) -> None:
    data = bytearray(bolt(TREE))
    data[at : at + len(value)] = value
    (tmp_path / "db").write_bytes(data)
    with contextlib.suppress(Damaged):
        read(tmp_path / "db")
