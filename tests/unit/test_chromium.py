"""Where the tests' browser comes from, without one being started or anything installed."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from deploy.engine import apt
from deploy.errors import Problem
from tests.browser import chromium

DEBIAN = apt.Distribution("debian", "bookworm", "Debian GNU/Linux 12 (bookworm)")
UBUNTU = apt.Distribution("ubuntu", "noble", "Ubuntu 24.04 LTS")


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The programs on PATH."""
    found: dict[str, str] = {}
    monkeypatch.setattr("shutil.which", found.get)
    return found


def test_one_that_is_there_is_taken(programs: dict[str, str]) -> None:
    programs["google-chrome"] = "/usr/bin/google-chrome"
    assert chromium.find_or_install() == "/usr/bin/google-chrome"
    programs["chromium"] = "/usr/bin/chromium"
    assert chromium.find_or_install() == "/usr/bin/chromium"


@pytest.mark.usefixtures("programs")
def test_where_nothing_may_be_installed_the_problem_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apt, "this_distribution", lambda: apt.Distribution("fedora", "", "Fedora Linux 42"))
    with pytest.raises(Problem, match="Fedora Linux 42") as found:
        chromium.find_or_install()
    assert "apt-get install --no-install-recommends chromium" in str(found.value)


@pytest.mark.usefixtures("programs")
def test_ubuntu_s_package_is_not_installed_for_it_is_a_snap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apt, "must_be_able", lambda *_: UBUNTU)
    with pytest.raises(Problem, match="no browser that tests can drive"):
        chromium.find_or_install()


def test_debian_s_is_installed_from_the_machine_s_own_sources(
    programs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[Any] = []

    class Recorder:
        def use(self, sources: str) -> None:
            done.append(sources)

        def install(self, packages: list[str]) -> None:
            done.append(packages)
            programs["chromium"] = "/usr/bin/chromium"

    @contextlib.contextmanager
    def with_sources(*_: object) -> Iterator[Recorder]:
        yield Recorder()

    monkeypatch.setattr(apt, "must_be_able", lambda *_: DEBIAN)
    monkeypatch.setattr(apt, "own_sources", lambda codename: f"sources of {codename}")
    monkeypatch.setattr(apt, "with_sources", with_sources)
    assert chromium.find_or_install() == "/usr/bin/chromium"
    assert done == ["sources of bookworm", ["chromium"]]
