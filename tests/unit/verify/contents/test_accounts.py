"""An account that is open to everybody is found in whatever layer it was made, and no password is kept."""

import io
from dataclasses import replace

import pytest

from tests.support.archives import Member, file, hardlink, read, removed, symlink
from verify.contents.accounts import Numbers, numbers
from verify.contents.files import examine

ACCOUNTS = "root:x:0:0:root:/root:/bin/sh\nktrdr:x:10001:10001::/home/ktrdr:/bin/sh\n"
SHADOW = "root:*:20000:0:99999:7:::\nktrdr:!:20000:0:99999:7:::\n"


def accounts(passwd: str, shadow: str = SHADOW) -> list[str]:
    hidden = replace(file("etc/shadow", shadow), mode=0o640)
    base = [file("etc/passwd", ACCOUNTS), file("etc/shadow", SHADOW)]
    return read(base, [file("etc/passwd", passwd), hidden], user="10001:10001").accounts


def test_accounts_that_nobody_can_take_are_no_fault() -> None:
    assert accounts(ACCOUNTS) == []


@pytest.mark.parametrize(
    ("passwd", "shadow", "fault"),
    [
        (ACCOUNTS.replace("root:x:", "root::", 1), SHADOW, "/etc/passwd: root has no password"),
        (ACCOUNTS, SHADOW.replace("root:*:", "root::"), "/etc/shadow: root has no password"),
        (ACCOUNTS + "other:x:0:0::/:/bin/sh\n", SHADOW, "/etc/passwd: other is root by number"),
        (ACCOUNTS + "other:x:00:0::/:/bin/sh\n", SHADOW, "/etc/passwd: other is root by number"),
        (ACCOUNTS + "other:x:0\n", SHADOW, "/etc/passwd: other is root by number"),
        (ACCOUNTS.replace(":10001:", ":0:", 1), SHADOW, "/etc/passwd: ktrdr is root by number"),
    ],
)
def test_an_account_that_is_open_to_everybody_is_told(passwd: str, shadow: str, fault: str) -> None:
    assert accounts(passwd, shadow) == [fault]


@pytest.mark.parametrize("link", [symlink("etc/passwd", "/bin/accounts"), hardlink("etc/passwd", "bin/accounts")])
def test_accounts_that_lie_elsewhere_are_told(link: object) -> None:
    contents = read([file("bin/accounts", ACCOUNTS), link])  # type: ignore[list-item]  # both are members
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


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ([file("etc/passwd", ACCOUNTS.partition("\n")[2])], "/etc/passwd: accounts of the base image are gone: root"),
        ([file("etc/passwd", ACCOUNTS.replace("ktrdr:", "#ktrdr:"))],
         "/etc/passwd: accounts of the base image are gone: ktrdr"),
        ([removed("etc/passwd")], "/etc/passwd: accounts of the base image are gone: root, ktrdr"),
        ([removed("etc/shadow")], "/etc/shadow: accounts of the base image are gone: root, ktrdr"),
    ],
)  # fmt: skip
def test_an_account_of_the_base_that_is_gone_is_told(changed: list[Member], fault: str) -> None:
    base = [file("etc/passwd", ACCOUNTS), file("etc/shadow", SHADOW)]
    assert read(base, changed, user="10001:10001").accounts == [fault]
    assert read(base, changed, base, user="10001:10001").accounts == ["/etc/shadow: everybody may read it"]


def test_of_many_accounts_that_are_gone_the_first_are_told() -> None:
    (told,) = read([file("etc/group", "".join(f"g{number}:x:{number}:\n" for number in range(10)))],
                   [file("etc/group")]).accounts  # fmt: skip
    assert told.endswith("g7 and 2 more")


@pytest.mark.parametrize("path", ["etc/shadow", "etc/shadow-", "etc/gshadow", "etc/gshadow-"])
@pytest.mark.parametrize(("mode", "open_"), [(0o640, False), (0o644, True), (0o604, True), (0o600, False)])
def test_passwords_that_everybody_may_read_are_told(path: str, mode: int, *, open_: bool) -> None:
    secret = replace(file(path, SHADOW), mode=mode)
    assert read([file("x")], [secret]).accounts == [f"/{path}: everybody may read it"] * open_
    assert read([secret]).accounts == []  # the base image's own


def test_the_user_s_number_has_one_name_and_its_group_is_not_root_s() -> None:
    other = "deploy:x:10001:0::/:\n"
    assert accounts(ACCOUNTS + other) == [
        "/etc/passwd: ktrdr and deploy have the same number 10001",
        "/etc/passwd: the group of deploy is root's",
    ]
    assert accounts(ACCOUNTS + other.replace("10001", "10002")) == []


def test_root_may_have_root_s_group() -> None:
    assert read([file("etc/passwd", ACCOUNTS)], user="0:0").accounts == []


def test_an_account_without_a_name_is_told_all_the_same() -> None:
    assert accounts(f"{ACCOUNTS}::0:0::/:\n") == [
        "/etc/passwd: somebody has no password",
        "/etc/passwd: somebody is root by number",
    ]


def test_a_password_is_not_kept() -> None:
    _, facts = examine("/etc/shadow", 30, io.BytesIO(b"root:$y$hunter2:20000:0:99999\n"))
    assert facts.text == "root:*:20000:0"


@pytest.mark.parametrize(
    ("password", "opens"),
    [
        ("$y$j9T$abcdefgh", True), ("abJnggxhB/yWI", True), ("!$y$j9T$abcdefgh", False), ("*", False), ("x", False),
        ("twelve chars", False), ("*" * 13, False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["etc/passwd", "etc/shadow"])
def test_a_password_that_somebody_may_know_is_told_without_it(path: str, password: str, *, opens: bool) -> None:
    found = read([file(path, f"root:{password}:0:0:::\n")]).accounts
    assert found == [f"/{path}: root has a password"] * opens


GROUPS = "root:x:0:\nshadow:x:42:www\ndisk:x:6:ktrdr,www\nktrdr:x:10001:\nstaff:x:1000:ktrdr\n"


@pytest.mark.parametrize(
    ("user", "groups"),
    [
        ("10001:10001", ["disk"]),
        ("10001", ["disk"]),
        ("ktrdr", ["disk"]),
        ("ktrdr:shadow", ["disk", "shadow"]),
        ("10001:42", ["disk", "shadow"]),
        ("10001:7", ["7", "disk"]),
        ("10002:10001", []),
        ("10002", []),
        ("nobody:nobody", []),
        ("33", ["disk", "shadow", "www-data"]),
        ("", ["root"]),
        ("stranger", []),
    ],
)
def test_the_system_s_groups_are_not_for_the_image_s_user(user: str, groups: list[str]) -> None:
    passwd = ACCOUNTS + "www:x:33:33::/:/bin/sh\n#ktrdr:x:10001:0::/:\n:x:1:1::/:\n"
    members = [file("etc/passwd", passwd), file("etc/group", f"{GROUPS}www-data:x:33:\n# sudo:x:27:ktrdr\nhalf:x:5\n")]
    assert sorted(read(members, user=user).groups) == groups


def test_a_group_is_of_the_lowest_layer_that_knows_it() -> None:
    base, own = [file("etc/group", GROUPS)], "ours:x:997:\n"
    passwd = file("etc/passwd", ACCOUNTS.replace("10001:10001", "997:997"))
    later = [passwd, file("etc/group", f"{GROUPS}{own}")]
    assert read(base, [file("x")], later, [file("y")], user="997").groups == {"disk": 0, "ours": 2}
    assert read(base, [file("x")], [passwd], user="997").groups == {"disk": 0, "997": 0}


@pytest.mark.parametrize(
    ("row", "groups"),
    [("shadow:!::", []), ("shadow:!:ktrdr:", ["shadow"]), ("shadow:!::www,ktrdr", ["shadow"]), ("staff:!::ktrdr", [])],
)
def test_who_may_join_a_group_by_its_shadow_has_its_rights(row: str, groups: list[str]) -> None:
    members = [
        file("etc/passwd", ACCOUNTS),
        file("etc/group", "shadow:x:42:\nstaff:x:1000:\n"),
        file("etc/gshadow", row),
    ]
    assert list(read(members, user="10001:10001").groups) == groups


@pytest.mark.parametrize("path", ["etc/group", "etc/gshadow"])
@pytest.mark.parametrize(("password", "opens"), [("$6$abcdefgh$ijk", True), ("!", False), ("x", False), ("", False)])
def test_a_group_s_password_is_told_without_it(path: str, password: str, *, opens: bool) -> None:
    found = read([file(path, f"shadow:{password}:42:\n")])
    assert found.accounts == [f"/{path}: shadow has a password"] * opens


WHO = {
    "/etc/passwd": "root:x:0:0\nktrdr:x:10001:10002\nktrdr:x:10005:10006\n33:x:7:8\nwww:x:33:34\n",
    "/etc/group": "ours:x:10003:ktrdr\nweb:x:35:www,ktrdr\n33:x:36:nobody\n",
}


@pytest.mark.parametrize(
    ("user", "uid", "gids"),
    [
        ("10001", 10001, {10002, 10003, 35}),
        (
            "ktrdr",
            10001,
            {10002, 10006, 10003, 35},
        ),  # two accounts of a name: the first is run, of either the groups count
        ("www", 33, {34, 35}),
        ("34", 34, set()),
        ("10001:5", 10001, {5, 10003, 35}),
        ("www:ours", 33, {10003, 35}),
        ("www:none", 33, {35}),
        ("nobody", -1, set()),
        ("", -1, set()),
    ],
)
def test_whom_an_image_s_processes_run_as_is_found_by_name_and_by_number(user: str, uid: int, gids: set[int]) -> None:
    assert numbers(user, WHO) == Numbers(uid, frozenset(gids))


def test_nine_hundred_ninety_nine_is_the_system_s_last_group() -> None:
    told = [list(read([file("etc/group", "")], user=f"10001:{gid}").groups) for gid in (999, 1000)]
    assert told == [["999"], []]


def test_an_image_of_no_layers_has_no_account_to_lose() -> None:
    assert read().accounts == []
