"""What later layers take of the base image or make untrue is told; what an image may do without is not."""

from dataclasses import replace

import pytest

from tests.support.archives import Member, directory, emptied, file, hardlink, read, removed, symlink
from verify.contents.raw_layer import UnreadableArchive

STATUS = "Package: {}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n"
DATABASE = "var/lib/dpkg/status"
LISTS = [file(f"var/lib/dpkg/info/{name}.list", "/.\n") for name in ("bash", "libc6:amd64")]
BASE = [
    file(DATABASE, f"{STATUS.format('bash')}\n{STATUS.format('libc6')}"),
    *LISTS,
    directory("srv/www"),
    file("etc/x"),
]
ZONES, NAMED = "usr/share/zoneinfo", "etc/timezone"
TIME = [
    file(f"{ZONES}/Etc/UTC", b"TZif2\n\nUTC0\n"), symlink(f"{ZONES}/UTC", "Etc/UTC"),
    file(f"{ZONES}/EST", b"TZif2\n\nEST5\n"),
    symlink("etc/localtime", f"/{ZONES}/Etc/UTC"),
]  # fmt: skip
NO_LINK = f", not to /{ZONES}/Etc/UTC"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ([file(DATABASE)], ["package bash (gone)", "package libc6 (gone)"]),
        ([removed(DATABASE)], ["package bash (gone)", "package libc6 (gone)"]),
        ([file(DATABASE, STATUS.format("libc6"))], ["package bash (gone)"]),
        ([file(DATABASE, BASE[0].data.replace(b"ok installed", b"ok half-configured", 1))],
         ["package bash (half-configured)"]),
        ([removed("var/lib/dpkg/info/libc6:amd64.list")], ["package libc6 (without its list of files)"]),
        ([removed("var/lib")], ["directory /var/lib (gone)", "package bash (gone)", "package libc6 (gone)"]),
        ([removed("srv")], ["directory /srv (gone)"]),
        ([symlink("srv", "/data")], ["directory /srv (gone)"]),
        ([directory("srv"), emptied("srv")], ["directory /srv/www (gone)"]),
        ([removed("etc/x"), file("srv/www/y")], []),
        ([BASE[0]], []),
    ],
)  # fmt: skip
def test_what_is_taken_of_the_base_is_told(change: list[Member], told: list[str]) -> None:
    assert read(BASE, [file("y")], change).spoilt == dict.fromkeys(told, 2)
    assert read(BASE, change, BASE).spoilt == {}


@pytest.mark.parametrize(
    "path", ["usr/share/doc", "var/cache/apt", "var/log/apt", "var/lib/apt/lists", "root/.cache", "tmp/a", "usr/lib/a"]
)
def test_an_image_may_do_without_caches_and_documents_and_what_is_replaced_is_told_elsewhere(path: str) -> None:
    assert read([directory(path), file("z")], [removed(path)]).spoilt == {}


def test_a_package_whose_version_changed_is_of_the_layer_that_changed_it() -> None:
    changed = BASE[0].data.replace(b"Version: 1", b"Version: 0", 1)
    found = read(BASE, [file("y")], [file(DATABASE, changed)], [file(DATABASE, changed)])
    assert {one.name: (one.version, one.layer) for one in found.packages} == {"bash": ("0", 2), "libc6": ("1", 0)}
    assert found.spoilt == {}


@pytest.mark.parametrize(
    ("zone", "told"),
    [
        (removed("etc/localtime"), ""),
        (symlink("etc/localtime", f"../{ZONES}/UTC"), ""),
        (hardlink("etc/localtime", f"{ZONES}/Etc/UTC"), ""),
        (file("etc/localtime", b"TZif3\n\nUTC0\n"), ""),
        (symlink("etc/localtime", f"/{ZONES}/EST"), f"it leads to /{ZONES}/EST"),
        (symlink("etc/localtime", f"/{ZONES}/No"), f"it leads to /{ZONES}/No, which is no time zone"),
        (symlink("etc/localtime", "/data/zone"), "it leads to /data/zone, which is no time zone"),
        (symlink("etc/localtime", "/etc/x"), "it leads to /etc/x, which is no time zone"),
        (file("etc/localtime", b"TZif2\n\nEST5\n"), "the time zone EST5"),
        (file("etc/localtime", b"TZif2\n\0\n\1\nEST5\n"), "the time zone EST5"),
        (file("etc/localtime", b"TZif2\nEST5\n"), "the time zone EST5"),
        (file("etc/localtime", b"TZif2\n"), "no time zone"),
        (file("etc/localtime", b"UTC0\nUTC0\n"), "no time zone"),
        (file("etc/localtime", b"TZif"), "no time zone"),
        (file("etc/localtime"), "no time zone"),
    ],
)
def test_the_time_zone_is_the_base_s(zone: Member, told: str) -> None:
    found = read([*TIME, file("etc/x")], [zone]).spoilt
    assert found == ({f"/etc/localtime ({told}{NO_LINK})": 1} if told else {})


@pytest.mark.parametrize(
    ("base", "name", "told"),
    [
        (b"Etc/UTC\n", file(NAMED, b"Etc/UTC"), ""),
        (b"Etc/UTC\n", file(NAMED, b"UTC\n"), ""),
        (b"Etc/UTC\n", file(NAMED, b"Europe/Berlin\n"), "Europe/Berlin, not Etc/UTC"),
        (b"Europe/Berlin\n", file(NAMED, b"Europe/Berlin"), ""),
        (b"Europe/Berlin\n", file(NAMED, b"Etc/UTC\n"), "Etc/UTC, not Europe/Berlin"),
        (b"Etc/UTC\n", file(NAMED), "nothing, not Etc/UTC"),
        (b"Etc/UTC\n", file(NAMED, b"\xff/UTC\xff\n"), "\ufffd/UTC\ufffd, not Etc/UTC"),
        (b"Europe/Berlin\n", removed(NAMED), ""),
        (b"Europe/Berlin\n", file("etc/x"), ""),
    ],
)
def test_the_time_zone_s_name_is_the_base_s(base: bytes, name: Member, told: str) -> None:
    assert read([file(NAMED, base)], [name]).spoilt == ({f"/{NAMED} (it says {told})": 1} if told else {})


def test_a_base_that_names_no_time_zone_has_universal_time() -> None:
    assert read([file("etc/x")], [file(NAMED, b"Etc/Zulu\n")]).spoilt == {}
    assert read([file("etc/x")], [file(NAMED, b"EST\n")]).spoilt == {f"/{NAMED} (it says EST, not UTC)": 1}


def test_a_time_zone_s_name_that_is_another_file_s_is_not_read_as_that_file() -> None:
    with pytest.raises(UnreadableArchive, match="etc/timezone is a hard link of /zone"):
        read([file("zone", b"EST\n"), hardlink(NAMED, "zone")])


def test_a_base_without_a_time_zone_has_universal_time() -> None:
    base = TIME[:-1]
    assert read(base, [file("etc/localtime", b"TZif3\n\nUTC0\n")]).spoilt == {}
    assert read(base, [file("etc/localtime", b"TZif3\n\nEST5\n")]).spoilt == {"/etc/localtime (the time zone EST5)": 1}
    assert read(base, [replace(TIME[-1])]).spoilt == {}


def test_what_a_base_in_the_lowest_layer_has_is_the_base_s() -> None:
    assert read([file("etc/localtime", b"nothing")]).spoilt == {}
