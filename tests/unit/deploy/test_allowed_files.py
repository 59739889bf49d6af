"""A line of the contract on a file says what lies there, where a link leads, and why."""

import re
import tomllib
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from deploy.allowed_files import AllowedFile, Files
from deploy.contract_file import contract_mistakes
from tests.support.checkout import CONTRACT_FILE

WHY = "a good reason"


def mistakes_of(line: Any, path: str = "/srv/x") -> list[str]:
    """The mistakes of the contract's own document with this line."""
    document = tomllib.loads(CONTRACT_FILE.read_text(encoding="utf-8"))
    document["images"]["dev"]["files"] = {path: line}
    return contract_mistakes(document)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (WHY, "a file"),
        ({"reason": WHY}, "a file"),
        ({"kind": "program", "reason": WHY}, "a program"),
        ({"kind": "directory", "reason": WHY}, "a directory"),
        ({"kind": "link", "target": "../lib", "reason": WHY}, "a link to ../lib"),
    ],
)
def test_a_line_says_what_lies_there(line: Any, words: str) -> None:
    assert mistakes_of(line) == []
    (allowed,) = TypeAdapter(Files).validate_python({"/srv/x": line}).values()
    assert (allowed.words, allowed.reason) == (words, WHY)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("so", r"\.reason = 'so': write 10 letters or more"),
        (9, r" = 9: write a table"),
        ({"kind": "program"}, r"\.reason: missing; add it"),
        ({"kind": "link", "reason": WHY}, r" = \{…\}: write target where kind is \"link\", and nowhere else"),
        ({"target": "y", "reason": WHY}, r" = \{…\}: write target where kind is \"link\", and nowhere else"),
        ({"kind": "device", "reason": WHY}, r"\.kind = 'device': write 'file', 'program', 'link' or 'directory'"),
        ({"taget": "y", "reason": WHY}, r"\.taget = 'y': unknown key; did you mean 'target'\?"),
    ],
)
def test_a_mistake_is_told_with_its_key_its_value_and_the_next_step(line: Any, told: str) -> None:
    (mistake,) = mistakes_of(line)
    assert re.match(rf"images\.dev\.files\./srv/x{told}", mistake), mistake


def test_a_path_begins_at_the_root() -> None:
    (mistake,) = mistakes_of(WHY, "srv/x")
    assert mistake.startswith("images.dev.files.srv/x.[key] = 'srv/x': write a path from the root")


@pytest.mark.parametrize(("reason", "mistakes"), [("nine char", 1), ("ten charac", 0)])
def test_a_reason_has_ten_characters_at_least(reason: str, mistakes: int) -> None:
    assert len(mistakes_of(reason)) == mistakes


def test_a_line_does_not_change_after_it_was_read() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        AllowedFile(reason=WHY).kind = "program"
