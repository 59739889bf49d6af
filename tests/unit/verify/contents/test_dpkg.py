"""Debian packages are read from the package database's text, licences from machine-readable copyright files."""

from tests.support.archives import file, symlink
from tests.support.archives import read as contents_of
from verify.contents.dpkg import licences
from verify.contents.files import is_package_text
from verify.contents.model import Package

STATUS = """\
Package: zlib1g
Status: install ok installed
Architecture: amd64
Version: 1:1.2.13.dfsg-1
Description: compression library
 runtime; a line that belongs to the one before

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 1.0

Package: base-files
Status: install ok installed
Architecture: amd64
Version: 12.4
"""
COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
License: Zlib

Files: debian/*
License: GPL-2+
 The text of the licence.

License: Zlib
 again
"""


def test_installed_packages_are_told_with_version_and_architecture_and_removed_ones_are_not() -> None:
    assert contents_of([file("var/lib/dpkg/status", STATUS)]).packages == [
        Package(name="base-files", version="12.4", architecture="amd64", layer=0, licences=[]),
        Package(name="zlib1g", version="1:1.2.13.dfsg-1", architecture="amd64", layer=0, licences=[]),
    ]


def test_licences_are_those_of_the_package_s_own_copyright_file_each_once() -> None:
    texts = file("var/lib/dpkg/status", STATUS), file("usr/share/doc/zlib1g/copyright", COPYRIGHT)
    assert [one.licences for one in contents_of(texts).packages] == [[], ["Zlib", "GPL-2+"]]


def test_a_copyright_file_in_prose_names_no_licence() -> None:
    assert licences("This is free software.\nLicense: whatever you like") == []


def test_an_image_without_a_package_database_has_no_packages() -> None:
    assert contents_of([]).packages == []


def test_a_package_is_of_the_layer_that_has_its_list_or_that_changed_it() -> None:
    first = [file("var/lib/dpkg/status", STATUS), file("var/lib/dpkg/info/zlib1g:amd64.list", "/.\n/lib/libz.so\n")]
    again = contents_of(first, [file("var/lib/dpkg/status", STATUS)]).packages
    assert {one.name: one.layer for one in again} == {"base-files": 0, "zlib1g": 0}
    fresh = contents_of(first, [file("x")], [file("var/lib/dpkg/info/base-files.list", "/.\n")]).packages
    assert {one.name: one.layer for one in fresh} == {"base-files": 2, "zlib1g": 0}


def test_files_above_the_lowest_layer_are_a_package_s_by_its_list_links_of_directories_followed() -> None:
    below = [symlink("lib", "usr/lib"), file("var/lib/dpkg/info/base.list", "/opt/forged\n")]
    listed = file("var/lib/dpkg/info/libgomp1:amd64.list", "/.\n/lib\n/lib/libgomp.so.1\n")
    own = file("var/lib/dpkg/info/libgomp1:amd64.md5sums"), file("var/lib/dpkg/info/python3.11-minimal.postinst")
    contents = contents_of(below, [listed, *own, file("usr/lib/libgomp.so.1"), file("opt/forged"), file("opt/x")])
    assert {one.path: one.package for one in contents.others} == {
        "/usr/lib/libgomp.so.1": "libgomp1",
        "/var/lib/dpkg/info/libgomp1:amd64.list": "libgomp1",
        "/var/lib/dpkg/info/libgomp1:amd64.md5sums": "libgomp1",
        "/var/lib/dpkg/info/python3.11-minimal.postinst": "python3.11-minimal",
        "/opt/forged": "",
        "/opt/x": "",
    }


def test_only_the_status_the_lists_and_the_copyright_files_are_package_texts() -> None:
    assert is_package_text("/var/lib/dpkg/status")
    assert is_package_text("/var/lib/dpkg/info/libgomp1:amd64.list")
    assert not is_package_text("/var/lib/dpkg/info/libgomp1:amd64.md5sums")
    assert is_package_text("/usr/share/doc/zlib1g/copyright")
    assert not is_package_text("/usr/share/doc/zlib1g/extra/copyright")
    assert not is_package_text("/opt/var/lib/dpkg/status")


def test_an_image_s_packages_are_those_of_its_last_database() -> None:
    first = [file("var/lib/dpkg/status", STATUS), file("usr/share/doc/zlib1g/copyright", COPYRIGHT)]
    second = [file("var/lib/dpkg/status", STATUS.partition("\n\n")[0])]
    assert [one.name for one in contents_of(first).packages] == ["base-files", "zlib1g"]
    (one,) = contents_of(first, second).packages
    assert (one.name, one.licences) == ("zlib1g", ["Zlib", "GPL-2+"])
