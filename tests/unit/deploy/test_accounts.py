"""An account that is open to everybody is found in whatever layer it was made, and no password is kept."""

import io

import pytest

from deploy.files import examine
from tests.unit.deploy.archives import file, hardlink, read, symlink

ACCOUNTS = "root:x:0:0:root:/root:/bin/sh\nktrdr:x:10001:10001::/home/ktrdr:/bin/sh\n"
SHADOW = "root:*:20000:0:99999:7:::\nktrdr:!:20000:0:99999:7:::\n"


def accounts(passwd: str, shadow: str = SHADOW) -> list[str]:
    return read([file("etc/passwd", ACCOUNTS), file("etc/shadow", SHADOW)], [file("etc/passwd", passwd),
                file("etc/shadow", shadow)]).accounts  # fmt: skip


def test_accounts_that_nobody_can_take_are_no_fault() -> None:
    assert accounts(ACCOUNTS) == []


@pytest.mark.parametrize(
    ("passwd", "shadow", "fault"),
    [
        (ACCOUNTS.replace("root:x:", "root::", 1), SHADOW, "/etc/passwd: root has no password"),
        (ACCOUNTS, SHADOW.replace("root:*:", "root::"), "/etc/shadow: root has no password"),
        (ACCOUNTS + "other:x:0:0::/:/bin/sh\n", SHADOW, "/etc/passwd: other is root by number"),
        (ACCOUNTS + "other:x:00:0::/:/bin/sh\n", SHADOW, "/etc/passwd: other is root by number"),
        (ACCOUNTS.replace(":10001:", ":0:", 1), SHADOW, "/etc/passwd: ktrdr is root by number"),
    ],
)
def test_an_account_that_is_open_to_everybody_is_told(passwd: str, shadow: str, fault: str) -> None:
    assert accounts(passwd, shadow) == [fault]


@pytest.mark.parametrize("link", [symlink("etc/passwd", "/opt/accounts"), hardlink("etc/passwd", "opt/accounts")])
def test_accounts_that_lie_elsewhere_are_told(link: object) -> None:
    contents = read([file("opt/accounts", ACCOUNTS), link])  # type: ignore[list-item]  # both are members
    assert contents.accounts == ["/etc/passwd is a link, or too large to be read"]


def test_a_second_file_is_read_although_the_first_could_not_be() -> None:
    members = [symlink("etc/passwd", "/opt/accounts"), file("etc/shadow", SHADOW.replace("root:*:", "root::"))]
    assert read(members).accounts == [
        "/etc/passwd is a link, or too large to be read",
        "/etc/shadow: root has no password",
    ]


@pytest.mark.parametrize("line", ["# root::0", "no account", "half:x", ""])
def test_a_line_that_is_no_account_opens_none(line: str) -> None:
    assert accounts(f"{line}\n{ACCOUNTS}") == []


def test_an_account_without_a_name_is_told_all_the_same() -> None:
    assert accounts(f"{ACCOUNTS}::0:0::/:\n") == [
        "/etc/passwd: somebody has no password",
        "/etc/passwd: somebody is root by number",
    ]


def test_a_password_is_not_kept() -> None:
    _, facts = examine("/etc/shadow", 30, io.BytesIO(b"root:$y$hunter2:20000:0:99999\n"))
    assert facts.text == "root:*:20000"
