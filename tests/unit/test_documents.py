"""What the documents list is what the code has: sessions, images, checks, exit codes, the contract's keys."""

import argparse
import re
import tomllib
from pathlib import Path

from deploy import __main__ as deploy
from deploy.compose import COMPOSE
from deploy.configuration import Configuration, HealthcheckDemand
from deploy.contract import Application, Image
from deploy.errors import Exit
from deploy.own_checks import CommandCheck, FileCheck, SettingCheck
from deploy.serving import Limits, Serving
from ktrdr.api.costs import COSTS, KIB
from ktrdr.model_files import MIB
from ktrdr.settings import Settings
from ktrdr.worker.settings import WorkerSettings
from tests.broken_images.catalogue import FAULTS
from tests.support.checkout import PROJECT, ROOT, read_contract
from tests.support.documents import README, every_document, text
from verify import __main__ as verify
from verify.commands import cst
from verify.commands.lazy_imports import server_port
from verify.judge.checks import CHECKS, END_TO_END_CHECKS, GPU_CHECKS, TOGETHER_CHECKS

CHECKS_TABLE = ROOT / "verify" / "README.md"
COMMANDS, SETTINGS, NETWORK, KEYS, SECURITY, OWN = (
    ROOT / "docs" / f"{name}.md" for name in ("commands", "settings", "network", "contract", "security", "own-checks")
)
CONTRACT = read_contract()
# What one process of ours tells another one that it starts: nobody sets it.
BETWEEN_OUR_OWN = {"KTRDR_PROBE_ARGUMENT", "KTRDR_PROBE_FD", "KTRDR_UV_SETTINGS"}


def rows(path: Path, header: str) -> list[list[str]]:
    """The cells of the table, or of all tables, whose header starts so."""
    found, inside = list[list[str]](), False
    for line in text(path).splitlines():
        inside = line.startswith("|") and (inside or line.startswith(f"| {header}"))
        if inside and not line.startswith((f"| {header}", "|---")):
            found.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    assert found, f"no table {header} in {path.name}"
    return found


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def sessions() -> dict[str, str]:
    """Names of the noxfile's sessions with what their help says of the words after `--`."""
    found = {}
    pattern = r'@nox\.session(?:\(([^)]*)\))?\ndef (\w+)\(.*?\n    """(.*?)"""'
    for match in re.finditer(pattern, text(ROOT / "noxfile.py"), re.DOTALL):
        named = re.search(r'name="([^"]+)"', match[1] or "")
        found[named[1] if named else match[2]] = match[3]
    return found


def session_rows() -> list[list[str]]:
    """The ten of daily use, then all others."""
    return rows(README, "session") + rows(COMMANDS, "session")


def test_the_sessions_are_those_of_the_noxfile_each_in_one_place() -> None:
    assert len(rows(README, "session")) == 10
    assert sorted(quoted(row[0])[0] for row in session_rows()) == sorted(sessions())


def test_a_session_s_help_and_its_row_begin_with_the_same_verb() -> None:
    helps = sessions()
    for row in session_rows():
        name, verb = quoted(row[0])[0], helps[quoted(row[0])[0]].split()[0].lower()
        assert row[1].split()[0] in (f"{verb}s", f"{verb}es"), name


def test_a_session_s_words_after_the_dashes_are_told_where_it_takes_some() -> None:
    noxfile = text(ROOT / "noxfile.py")
    taking = {name for name in sessions() if "posargs" in _body(noxfile, name)}
    assert {quoted(row[0])[0] for row in session_rows() if "[--" in row[0]} == taking


def _body(noxfile: str, name: str) -> str:
    return noxfile.partition(f"def {name.replace('-', '_')}(")[2].partition("\n\n\n")[0]


def test_the_images_are_the_contract_s_with_role_tag_and_torch() -> None:
    torch = {"absent": "absent", "cpu": "CPU build", "cuda": "CUDA build"}
    cuda = {"absent": "n/a", "cpu": "never", "cuda": "depends on the host"}
    assert [[quoted(row[0])[0], quoted(row[1])[0], row[3], row[4]] for row in rows(README, "role")] == [
        [role, image.name, torch[image.torch], cuda[image.torch]] for role, image in CONTRACT.images.items()
    ]


def test_the_exit_codes_are_the_commands_own() -> None:
    header = next(line for line in text(COMMANDS).splitlines() if line.startswith("| command"))
    assert [int(cell) for cell in re.findall(r"\d+", header)] == [int(code) for code in Exit]


def test_every_command_has_its_exit_codes() -> None:
    grammar = next(one for one in deploy.parser()._actions if isinstance(one, argparse._SubParsersAction))
    existing = [f"python -m deploy {name}" for name in grammar.choices]
    existing += [f"python -m verify {name}".rstrip() for name in verify.COMMANDS]
    of_sessions = re.findall(r'run\(session, "python", "-m", "([\w.]+)"', text(ROOT / "noxfile.py"))
    existing += [f"python -m {module}" for module in of_sessions if module not in ("deploy", "verify")]
    assert sorted(quoted(row[0])[0] for row in rows(COMMANDS, "command")) == sorted(existing)


def test_the_number_of_broken_images_is_the_catalogue_s() -> None:
    broken = sum(fault.outcome != "PASS" for fault in FAULTS)
    assert re.findall(r"(\d+)\s+\[broken images\]", text(README)) == [str(broken)]


def test_the_checks_are_those_of_the_code_in_their_order() -> None:
    assert [quoted(row[0])[0] for row in rows(CHECKS_TABLE, "check")] == [
        *CHECKS, *GPU_CHECKS, *TOGETHER_CHECKS, *END_TO_END_CHECKS,
    ]  # fmt: skip


def test_every_check_is_told_with_its_own_purpose_and_category() -> None:
    told = {quoted(row[0])[0]: (row[1], row[2]) for row in rows(CHECKS_TABLE, "check")}
    every = (*CHECKS.values(), *GPU_CHECKS.values(), *TOGETHER_CHECKS.values(), *END_TO_END_CHECKS.values())
    assert told == {check.name: (check.purpose, check.category) for check in every}


def test_the_outcomes_are_those_of_a_finding() -> None:
    assert [row[0] for row in rows(CHECKS_TABLE, "outcome")] == ["PASS", "FAIL", "ERROR", "UNVERIFIED", "SKIP"]


def test_the_contract_s_keys_are_all_told_and_no_other() -> None:
    told = set()
    for row in rows(KEYS, "key"):
        first, *others = quoted(row[0])
        told |= {first, *(f"{first.rpartition('.')[0]}{name}" for name in others)}
    expected = {"schema", "python", "platform", "packages", "files", "checks"}
    expected |= {f"application.{key}" for key in Application.model_fields}
    expected |= {f"configuration.{key}" for key in Configuration.model_fields if key != "healthcheck"}
    expected |= {f"configuration.healthcheck.{key}" for key in HealthcheckDemand.model_fields}
    expected |= {f"serving.{key}" for key in Serving.model_fields}
    expected |= {f"images.ROLE.limits.{key}" for key in Limits.model_fields}
    expected |= {f"images.ROLE.{key}" for key in Image.model_fields if key not in ("role", "limits")}
    assert told == expected


def test_the_keys_of_the_contract_s_own_checks_are_all_told_each_where_it_belongs() -> None:
    told = [name for row in rows(OWN, "key") for name in quoted(row[0])]
    models = (CommandCheck, FileCheck, SettingCheck)
    assert sorted(told) == sorted(key for model in models for key in model.model_fields if key != "name")


def test_the_fields_of_the_other_tool_s_configuration_are_all_told() -> None:
    fields = [field.alias for field in cst.Configuration.model_fields.values()]
    told = {name.partition(".")[0] for row in rows(OWN, "field") for name in quoted(row[0])}
    assert told == {*fields} - {"schemaVersion"}


def test_the_variables_that_change_a_build_are_all_read_somewhere() -> None:
    code = "".join(text(path) for path in [*(ROOT / "deploy").rglob("*.py"), *(ROOT / "verify").rglob("*.py")])
    for row in rows(NETWORK, "the host has"):
        for name in quoted(row[0]):
            if re.fullmatch(r"[A-Z][A-Z_]+", name) and name != "BUILDX_BUILDER":  # buildx reads that one itself
                assert name in code, name


def named_settings(*places: str) -> set[str]:
    """Every variable of ours that is named, whole, in the code at these places."""
    files = [path for place in places for path in sorted((ROOT / place).rglob("*.py"))]
    code = "".join(map(text, files))
    return set(re.findall(r"KTRDR_[A-Z_]*[A-Z]\b", code)) - BETWEEN_OUR_OWN


def test_the_settings_of_ktrdr_are_those_that_it_reads() -> None:
    told = {quoted(row[0])[0] for row in rows(SETTINGS, "setting") if row[1] in ("backend", "workers")}
    assert told == named_settings("ktrdr")


def test_no_setting_of_the_pipeline_or_the_compose_file_goes_untold() -> None:
    compose = set(re.findall(r"\$\{(KTRDR_[A-Z_]+)", text(COMPOSE)))
    of_builds = {name for row in rows(NETWORK, "the host has") for name in quoted(row[0]) if name.startswith("KTRDR_")}
    told = {quoted(row[0])[0] for row in rows(SETTINGS, "setting")} | of_builds
    assert told >= compose | named_settings("deploy", "verify", "bench", "ktrdr")


def test_the_defaults_of_the_settings_are_what_ktrdr_does_without_them() -> None:
    for name, _, default, _ in rows(SETTINGS, "setting"):
        for value in quoted(default)[:1]:
            given = {quoted(name)[0]: value}
            assert Settings.from_environment(given) == Settings.from_environment({}), given
            assert WorkerSettings.from_environment(given) == WorkerSettings.from_environment({}), given


def test_the_defaults_of_the_other_settings_are_what_is_done_without_them() -> None:
    told = {quoted(row[0])[0]: quoted(row[2])[0] for row in rows(SETTINGS, "setting") if quoted(row[2])}
    assert dict(re.findall(r"\$\{(KTRDR_\w+):-([^}]*)\}", text(COMPOSE))).items() <= told.items()
    assert told["KTRDR_API_PORT"] == server_port({}, ROOT / "absent")
    assert ROOT / told["KTRDR_ARTIFACTS"] == PROJECT.artifacts.root


def test_the_last_release_in_the_changelog_is_the_version_of_the_project_and_of_its_lock() -> None:
    released = re.findall(r"^## (\d+\.\d+\.\d+) - \d{4}-\d\d-\d\d$", text(ROOT / "CHANGELOG.md"), re.MULTILINE)
    project = tomllib.loads(text(ROOT / "pyproject.toml"))["project"]
    locked = [one for one in tomllib.loads(text(ROOT / "uv.lock"))["package"] if one["name"] == project["name"]]
    assert released[0] == project["version"]
    assert [package["version"] for package in locked] == [project["version"]]


@every_document
def test_places_that_are_named_exist(document: Path) -> None:
    for name in quoted(text(document)):
        if re.fullmatch(r"(deploy|verify|tests|ktrdr)/[\w./-]*", name):
            assert (ROOT / name).exists(), name


@every_document
def test_sessions_that_are_named_in_commands_exist(document: Path) -> None:
    known = set(sessions())
    for words in re.findall(r"(?:nox|\./noxw) -s ((?:[a-z][\w-]*[ `\n])+)", text(document)):
        named = [word for word in re.split(r"[ `\n]", words) if word]
        assert known.issuperset(named), words


def test_the_plain_docker_command_builds_an_image_of_the_contract() -> None:
    commands = re.findall(r"docker build -f (\S+) -t (\S+) \.", text(NETWORK))
    assert commands
    assert set(commands) <= {(image.dockerfile, image.name) for image in CONTRACT.images.values()}


def test_the_costs_of_routes_are_those_of_the_code() -> None:
    def size(number: int) -> str:
        return f"{number // MIB} MiB" if number >= MIB else f"{number // KIB} KiB"

    told = {quoted(row[0])[0]: (row[1], row[2]) for row in rows(SECURITY, "route")}
    assert told == {route: (size(cost.answer), size(cost.memory)) for route, cost in COSTS.items()}
