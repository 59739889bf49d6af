"""Checks of the contract's own are read, or told to be mistaken: with key, value and next step."""

from typing import Any

import pytest

from deploy.contract_file import contract_mistakes
from deploy.own_checks import CommandCheck, FileCheck, SettingCheck, expression
from tests.support.contracts import contract_of, shipped

GOOD: list[dict[str, Any]] = [
    {"name": "it starts", "command": ["python", "-V"], "stdout": [r"^Python 3\.11\."], "within": 5.0},
    {"name": "it fails", "command": ["false"], "exit_code": 1, "setup": [["true"]], "environment": {"A": "$PATH:/x"}},
    {"name": "the licence", "file": "/app/LICENSE", "owner": 0, "group": 0, "mode": "0644", "contains": ["^MIT"]},
    {"name": "no tests", "file": "/app/*/tests", "exists": False},
    {"name": "a place of the image's", "file": "$HOME/notes", "substitute": True},
    {"name": "a variable", "setting": "environment", "key": "HOME", "matches": "^/home/"},
    {"name": "no debugger", "setting": "ports", "key": "5678", "present": False},
    {"name": "no entry point", "setting": "entrypoint", "value": []},
    {"name": "the user", "setting": "user", "value": "10001:10001"},
]


def told(*checks: Any) -> list[str]:
    return contract_mistakes({**shipped(), "checks": list(checks)})


def test_each_form_is_read_for_every_image_and_for_one() -> None:
    document = shipped()
    document["checks"], document["images"]["dev"]["checks"] = GOOD[:5], GOOD[5:]
    assert contract_mistakes(document) == []
    contract = contract_of(document)
    assert [check.name for check in contract.checks_of(contract.images["dev"])] == [one["name"] for one in GOOD]
    assert contract.checks_of(contract.images["backend"]) == contract.checks
    forms = [type(check) for check in contract.checks_of(contract.images["dev"])]
    assert forms == [CommandCheck] * 2 + [FileCheck] * 3 + [SettingCheck] * 4


@pytest.mark.parametrize(
    ("check", "mistake"),
    [
        ({"name": "a"}, "checks.0 = {…}: write one of the keys command, file and setting"),
        ({"name": "a", "file": "/x", "command": ["x"]}, "checks.0 = {…}: write one of the keys command, file and"),
        (3, "checks.0 = 3: write one of the keys command, file and setting"),
        ({"command": ["x"]}, "checks.0.name: missing; add it"),
        ({"name": " a", "command": ["x"]}, "checks.0.name = ' a': write a name of one line"),
        ({"name": "a", "command": []}, "checks.0.command = []: name one at least"),
        ({"name": "a", "command": "ls -l"}, "checks.0.command = 'ls -l': write a list"),
        ({"name": "a", "command": ["x"], "exit_code": 256}, "checks.0.exit_code = 256: write 255 at most"),
        ({"name": "a", "command": ["x"], "stdot": ["y"]}, "checks.0.stdot = ['y']: unknown key; did you mean 'stdout'"),
        (
            {"name": "a", "command": ["x"], "stderr": ["("]},
            "checks.0.stderr.0 = '(': no regular expression of RE2: mis",
        ),
        ({"name": "a", "command": ["x"], "within": 0.0}, "checks.0.within = 0.0: write a number above 0"),
        ({"name": "a", "command": ["x"], "user": "a b"}, "checks.0.user = 'a b': write a user and perhaps a group"),
        ({"name": "a", "file": "x"}, "checks.0.file = 'x': write a path from the root"),
        ({"name": "a", "file": "/x/../y"}, "checks.0.file = '/x/../y': write the path without . and .."),
        ({"name": "a", "file": "/x/*.txt"}, "checks.0.file = '/x/*.txt': * stands for a directory's whole name, once"),
        ({"name": "a", "file": "$HOME/x"}, "checks.0 = {…}: write the path from the root, or substitute = true"),
        ({"name": "a", "file": "/x", "mode": "644"}, "checks.0.mode = '644': write a mode in four octal digits"),
        ({"name": "a", "file": "/x", "exists": False, "owner": 0}, "checks.0 = {…}: what does not exist has no owner"),
        ({"name": "a", "setting": "ports"}, "checks.0 = {…}: ports needs key; add it"),
        ({"name": "a", "setting": "user", "value": "1", "key": "x"}, "checks.0 = {…}: user takes no key; remove it"),
        ({"name": "a", "setting": "user"}, "checks.0 = {…}: write what user is in value or matches"),
        ({"name": "a", "setting": "command", "value": "x"}, "checks.0 = {…}: write the words of command as a list"),
        ({"name": "a", "setting": "user", "value": ["x"]}, "checks.0 = {…}: write the value of user as a text"),
        ({"name": "a", "setting": "env", "key": "x"}, "checks.0.setting = 'env': write 'environment', 'labels'"),
        (
            {"name": "a", "setting": "labels", "key": "x", "value": "y", "matches": "z"},
            "checks.0 = {…}: write value or matches, not both",
        ),
        (
            {"name": "a", "setting": "volumes", "key": "/x", "value": "y"},
            "checks.0 = {…}: what is absent, and a port, a volume or a trigger, has no value",
        ),
    ],
)
def test_a_mistake_is_told_with_key_value_and_next_step(check: Any, mistake: str) -> None:
    (line,) = told(check)
    assert line.startswith(mistake)


def test_two_checks_of_an_image_may_not_have_one_name() -> None:
    document = shipped()
    document["checks"] = document["images"]["dev"]["checks"] = GOOD[:1]
    assert contract_mistakes(document) == [
        "images.dev.checks: 'it starts' is there twice; give each check a name of its own"
    ]


def test_an_expression_is_of_the_other_tool_s_syntax_and_no_text_makes_it_slow() -> None:
    assert expression(r"a\z").search("a\n") is None
    assert expression("a$").search("a\n") is None  # as in Go, other than in Python
    assert expression("(?U)a+").search("aaa").group() == "a"
    assert expression("(a*)*b").search("a" * 100_000) is None
