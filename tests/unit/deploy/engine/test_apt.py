"""The machine's own package sources: read in both formats, turned to another release, and never harmful."""

from pathlib import Path

import pytest

from deploy.engine import apt
from deploy.engine.apt import Change, Distribution, Source
from deploy.errors import Problem

KEY = "/usr/share/keyrings/debian-archive-keyring.gpg"
DEB822 = f"""\
Types: deb deb-src
# a comment in the middle
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates bookworm-backports
Components: main
Signed-By: {KEY}

Types: deb
Enabled: no
URIs: http://off.example/debian
Suites: bookworm
Components: main

Types: deb
URIs: http://mirror.example/security
Suites: bookworm-security
Components: main contrib
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQ
 -----END PGP PUBLIC KEY BLOCK-----
"""


def test_stanzas_are_read_and_disabled_ones_left_out() -> None:
    first, second = apt.parse_deb822(DEB822)
    assert first.suites == ("bookworm", "bookworm-updates", "bookworm-backports")
    assert first.options == (("Signed-By", KEY),)
    assert second.components == ("main", "contrib")


def test_a_key_written_out_survives_rendering() -> None:
    second = apt.parse_deb822(DEB822)[1]
    assert apt.parse_deb822(second.render()) == [second]
    assert " .\n mQ\n" in second.render()


def test_one_line_entries_are_read_with_their_options() -> None:
    text = "# deb http://off.example x main\n"
    text += f"deb [arch=amd64,i386 signed-by={KEY}] http://m.example/debian bookworm main\n"
    assert apt.parse_one_line(text) == [
        Source(
            ("http://m.example/debian",),
            ("bookworm",),
            ("main",),
            (("Architectures", "amd64 i386"), ("Signed-By", KEY)),
        )
    ]


def test_one_line_source_packages_are_left_out() -> None:
    assert apt.parse_one_line("deb-src http://m.example/debian bookworm main\n") == []


def test_both_formats_are_read_from_the_machine(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text("deb http://a.example/debian bookworm main\n")
    (tmp_path / "sources.list.d" / "b.sources").write_text(DEB822)
    (tmp_path / "sources.list.d" / "c.list.save").write_text("deb http://saved.example/debian bookworm main\n")
    assert [source.uris[0] for source in apt.machine_sources(tmp_path)] == [
        *("http://a.example/debian", "http://mirror.example/debian", "http://mirror.example/security")
    ]


def test_entries_are_turned_to_another_release_without_its_backports() -> None:
    turned = apt.of_release(apt.parse_deb822(DEB822), "bookworm", "trixie")
    assert [source.suites for source in turned] == [("trixie", "trixie-updates"), ("trixie-security",)]


@pytest.mark.parametrize(
    "line",
    [
        "deb [signed-by=/k/vendor.gpg] http://vendor.example bookworm main",
        "deb http://vendor.example bookworm stable",
        "deb http://vendor.example/apt nodistro main",
        "deb cdrom:[Debian]/ bookworm main",
    ],
)
def test_other_people_s_archives_are_not_the_distribution_s(line: str) -> None:
    assert apt.of_release(apt.parse_one_line(line), "bookworm", "trixie") == []


@pytest.mark.parametrize(
    "text",
    [
        f"deb [signed-by={KEY}] http://odd.example/x bookworm main",
        "deb http://m.example/debian/ bookworm main",
        "deb http://odd.example/x bookworm main\ndeb http://odd.example/x bookworm-updates main",
    ],
)
def test_the_distribution_s_archive_is_known_by_key_path_or_company(text: str) -> None:
    assert apt.of_release(apt.parse_one_line(text), "bookworm", "bookworm")


def test_without_an_entry_for_its_own_release_the_machine_has_no_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apt, "machine_sources", list)
    monkeypatch.setattr(apt, "this_distribution", lambda: Distribution("debian", "bookworm", "Debian 12"))
    with pytest.raises(Problem, match="its own archive of bookworm"):
        apt.own_sources("trixie")


def test_the_distribution_is_read_with_its_next_release() -> None:
    text = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_CODENAME=bookworm\nID=debian\n'
    here = apt.read_distribution(text)
    assert (here.id, here.codename, here.next_codename) == ("debian", "bookworm", "trixie")


@pytest.mark.parametrize(
    "here", [Distribution("ubuntu", "jammy", "U"), Distribution("debian", "forky", "D"), Distribution("arch", "", "A")]
)
def test_some_releases_have_no_next_one_to_borrow_from(here: Distribution) -> None:
    assert here.next_codename == ""


SIMULATION = """\
NOTE: This is only a simulation!
Inst runc (1.1.5+ds1-1+deb12u1 Debian:12.11/oldstable [amd64])
Inst libc6 [2.36-9] (2.41-12 Debian:13/stable [amd64]) []
Remv postgresql-15 [15.3]
Conf runc (1.1.5+ds1-1+deb12u1 Debian:12.11/oldstable [amd64])
"""


def test_a_simulation_is_read() -> None:
    assert apt.parse_simulation(SIMULATION) == [
        Change("runc", "", "1.1.5+ds1-1+deb12u1"),
        Change("libc6", "2.36-9", "2.41-12"),
        Change("postgresql-15", "15.3", ""),
    ]


def test_removing_anything_and_exchanging_the_c_library_is_refused() -> None:
    assert apt.refusal(apt.parse_simulation(SIMULATION)) == "remove postgresql-15, upgrade libc6 2.36-9 to 2.41-12"


def test_installing_and_harmless_upgrades_are_not_refused() -> None:
    assert apt.refusal([Change("runc", "", "1.1"), Change("tini", "0.18", "0.19")]) == ""


def test_offers_are_read_by_package_and_suite() -> None:
    text = (
        " docker.io | 26.1.5-9 | http://m.example/debian trixie/main amd64 Packages\n"
        " docker.io | 20.10.24-1 | http://m.example/debian bookworm/main amd64 Packages\n"
        "docker.io | 20.10.24-1 | http://m.example/debian bookworm/main Sources\n"
    )
    assert apt.parse_policy(text) == {"docker.io": {"trixie": "26.1.5-9", "bookworm": "20.10.24-1"}}


def test_of_apt_s_settings_only_those_for_reaching_packages_go_on() -> None:
    dump = (
        'Acquire::http::Proxy "http://proxy.example:3128";\nAcquire::Check-Valid-Until "false";\n'
        'Acquire::https "";\nAcquire::IndexTargets::deb::Packages::MetaKey "x";\nDPkg::Post-Invoke "true";\n'
    )
    assert apt.access_settings(dump) == [
        'Acquire::http::Proxy "http://proxy.example:3128";',
        'Acquire::Check-Valid-Until "false";',
    ]


class Recorder(apt.Apt):
    """An apt that runs nothing and answers a simulation."""

    def __init__(self, simulation: str, folder: Path) -> None:
        super().__init__(folder, "bookworm", lambda _text: None)
        self.simulation, self.commands = simulation, list[list[str]]()

    def _run(self, command: list[str], seconds: float, doing: str) -> str:
        assert seconds
        assert doing
        self.commands.append(command)
        return self.simulation


def test_a_harmful_installation_is_only_simulated(tmp_path: Path) -> None:
    own = Recorder(SIMULATION, tmp_path)
    with pytest.raises(Problem, match="apt would remove postgresql-15, upgrade libc6"):
        own.install(["docker.io"])
    assert ["-s" in command for command in own.commands] == [True]


def test_a_harmless_installation_is_simulated_and_then_made_without_removing(tmp_path: Path) -> None:
    own = Recorder("Inst runc (1.1 Debian [amd64])\n", tmp_path)
    own.install(["runc"])
    simulated, made = own.commands
    assert "-s" in simulated
    assert "-s" not in made
    assert "--no-remove" in made
    assert f"Dir::Etc::SourceParts={tmp_path}/sources" in made


def test_what_is_installed_already_is_not_installed_again(tmp_path: Path) -> None:
    own = Recorder("docker.io is already the newest version\n", tmp_path)
    assert own.install(["docker.io"]) == []
    assert len(own.commands) == 1


def test_another_distribution_is_told_what_to_do_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apt, "this_distribution", lambda: Distribution("fedora", "", "Fedora 44"))
    with pytest.raises(Problem, match="this is Fedora 44, where this pipeline installs nothing") as caught:
        apt.must_be_able("getting an engine", "install docker-ce")
    assert caught.value.next_step == "install docker-ce"
