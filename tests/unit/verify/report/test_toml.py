"""What is written as TOML, TOML's own reader reads again."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.sizes import MOST, parse_bytes
from verify.report.toml import WIDTH, lines, remark, size

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
PLAIN = st.one_of(TEXTS, st.booleans(), st.integers(-(10**15), 10**15), st.floats(-1e15, 1e15))
VALUES = st.one_of(PLAIN, st.lists(PLAIN, max_size=12), st.dictionaries(TEXTS, PLAIN, min_size=1, max_size=8))


@given(key=TEXTS, value=VALUES, comment=TEXTS)
def test_what_is_written_is_read_again(key: str, value: Any, comment: str) -> None:
    assert tomllib.loads("\n".join(lines(key, value, comment))) == {key: value}


@given(st.text(max_size=400))
def test_a_comment_is_nothing_but_a_comment(text: str) -> None:
    found = list(remark(text))
    assert tomllib.loads("\n".join(found)) == {}
    assert all(line.startswith("#") for line in found)


def test_a_long_comment_and_a_long_list_are_parted() -> None:
    words = [f"word{number}" for number in range(99)]
    assert max(map(len, (*remark(" ".join(words)), *lines("words", words)))) <= WIDTH


@pytest.mark.parametrize("text", ["bytes\udcff", "\ud800"])
def test_what_utf_8_cannot_write_is_escaped(text: str) -> None:
    written = "\n".join(lines("key", text))
    assert tomllib.loads(written)["key"] == text.encode("utf-8", "backslashreplace").decode()
    assert written.encode()


@given(st.integers(1, MOST))
def test_a_size_is_read_again_to_the_byte(count: int) -> None:
    assert parse_bytes(size(count)) == count


@pytest.mark.parametrize(("count", "text"), [(1, "1 B"), (24_500_000, "24.5 MB"), (4_644_000_000, "4.644 GB")])
def test_a_size_is_written_as_people_do(count: int, text: str) -> None:
    assert size(count) == text
