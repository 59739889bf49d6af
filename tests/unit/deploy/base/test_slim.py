"""What is taken out of a bootstrapped root, and what stays."""

import sys
from pathlib import Path

import pytest

from deploy.base import slim

STATUS = "Package: dpkg\nStatus: install ok installed\n\nPackage: zlib1g\nDescription: x\n .\n y\n\n"


def put(root: Path, *names: str, text: str = "") -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_the_package_database_forgets_only_what_went() -> None:
    assert slim.without_stanzas(STATUS, ("dpkg", "perl-base")) == STATUS.split("\n\n", 1)[1]


def test_a_package_s_files_and_records_go_and_its_neighbours_stay(tmp_path: Path) -> None:
    put(tmp_path, "usr/bin/dpkg", "usr/bin/env", "var/lib/dpkg/info/dpkg.md5sums", "var/lib/dpkg/info/dpkg-x.list")
    put(tmp_path, "var/lib/dpkg/info/dpkg.list", text="/.\n/usr\n/usr/bin\n/usr/bin/dpkg\n")
    put(tmp_path, "var/lib/dpkg/status", text=STATUS)
    slim.forget_packages(tmp_path, ("dpkg",))
    left = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert left == ["usr/bin/env", "var/lib/dpkg/info/dpkg-x.list", "var/lib/dpkg/status"]


def test_the_links_from_bin_to_usr_bin_stay_though_packages_list_them(tmp_path: Path) -> None:
    put(tmp_path, "usr/bin/env")
    (tmp_path / "bin").symlink_to("usr/bin")
    put(tmp_path, "var/lib/dpkg/info/usr-is-merged.list", text="/.\n/bin\n")
    put(tmp_path, "var/lib/dpkg/status", text="")
    slim.forget_packages(tmp_path, ("usr-is-merged",))
    assert (tmp_path / "bin" / "env").exists()


def test_programs_that_run_with_another_s_rights_go(tmp_path: Path) -> None:
    put(tmp_path, "usr/bin/su", "usr/bin/wall", "usr/bin/env")
    for name, mode in (("su", 0o4755), ("wall", 0o2755), ("env", 0o755)):
        (tmp_path / "usr/bin" / name).chmod(mode)
    (tmp_path / "usr/bin/link").symlink_to("env")
    slim.without_privileges(tmp_path)
    assert sorted(path.name for path in (tmp_path / "usr/bin").iterdir()) == ["env", "link"]


def test_only_glibc_s_core_conversions_stay(tmp_path: Path) -> None:
    put(tmp_path, "UTF-16.so", "BIG5.so", "gconv-modules.cache", "gconv-modules.d/extra.conf")
    put(tmp_path, "gconv-modules", text="# from\talias\tx//\nmodule\tUTF-16//\tINTERNAL\tUTF-16\t1\n")
    slim.keep_core_conversions(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["UTF-16.so", "gconv-modules"]


def test_of_the_documentation_the_licences_stay(tmp_path: Path) -> None:
    put(tmp_path, "a/copyright", "a/changelog.gz", "b/README", "c/examples/x.py")
    slim.keep_licences(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))] == ["a", "a/copyright"]


def test_another_python_than_the_wanted_one_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert slim.main(tmp_path, "2.7") == 1
    found = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert f"the suite's python3 is {found}, wanted is 2.7" in capsys.readouterr().err


def test_what_no_package_puts_into_the_root_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path, "usr/bin/env", "work/checkout/.cache/x.pyc")
    assert slim.main(tmp_path, f"{sys.version_info[0]}.{sys.version_info[1]}") == 1
    assert "puts this into the root: work" in capsys.readouterr().err
