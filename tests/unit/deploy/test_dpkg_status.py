"""deploy.dpkg_status: what dpkg's status file says of packages."""

from deploy.dpkg_status import Record, records_in

STATUS = """\
Package: bash
Status: install ok installed
Architecture: amd64
Description: a shell
 Version: of nothing
Version: 5.2-1+b1


Package: gone
Status: deinstall ok config-files
Version: 1

Status: install ok installed
Version: 3
"""


def test_every_package_has_its_version_its_architecture_and_the_last_word_of_its_status() -> None:
    assert records_in(STATUS) == {
        Record("bash", "5.2-1+b1", "amd64", "installed"),
        Record("gone", "1", "", "config-files"),
    }


def test_a_package_of_which_the_file_tells_no_state_has_none() -> None:
    assert records_in("Package: a") == {Record("a", "", "", "")}
    assert records_in("") == set()
