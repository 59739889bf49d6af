"""The table that an image needs: for the four images the contract's own, for any other one that the judge accepts."""

import tomllib
from functools import partial
from typing import Any

import pytest

from deploy.configuration import Configuration
from deploy.contract import Contract
from deploy.sizes import parse_bytes
from tests.support.cases import CONTRACT, ROLES, SITE, Change, Facts, good, many
from tests.support.changes import label, subject, variable
from tests.support.describing import (
    UNTOLD_PYTORCH,
    document,
    knowing_nothing,
    mistakes_with,
    of_the_contract,
    told,
    with_reasons,
    without_reasons,
)
from tests.support.paths_above import other, package
from verify.judge.case import NotSeen
from verify.report.contract_table import contract_table

REASON = "a person has written why it is right"


def described(facts: Facts) -> str:
    """The table for facts whose contents were read as if no directory were meant to be writable."""
    facts.part("contents")["writable"].setdefault("/data", 3)
    return "\n".join(contract_table(facts.case()))


def table_of(role: str = "backend", change: Change | None = None) -> dict[str, Any]:
    return told(described(good(role, change)), role)[0]


def remarks(role: str = "backend", change: Change | None = None) -> str:
    lines = described(good(role, change)).splitlines()
    return " ".join(line.removeprefix("# ") for line in lines if line.startswith("#"))


@pytest.mark.parametrize("role", ROLES)
def test_it_is_what_the_contract_says_of_the_image(role: str) -> None:
    printed = described(good(role))
    assert told(printed, role)[0] == of_the_contract(role)
    assert mistakes_with(printed) == []


@pytest.mark.parametrize("role", ROLES)
def test_the_image_alone_tells_it_but_for_the_reasons(role: str) -> None:
    facts = good(role)
    facts.contract = knowing_nothing(CONTRACT, role)
    printed = described(facts)
    due, untold = without_reasons(of_the_contract(role)), UNTOLD_PYTORCH if role == "worker-gpu" else ()
    assert told(printed, role)[0] == due | {key: [] for key in untold}
    assert [line.partition(" =")[0] for line in mistakes_with(printed) if "10 letters or more" in line] == [
        f"images.{role}.files.{path}.reason" for path in due.get("files", {})
    ]


@pytest.mark.parametrize("role", ROLES)
def test_the_budgets_are_three_per_cent_above_what_was_measured(role: str) -> None:
    printed, contents = described(good(role)), good(role).case().contents
    budgets = told(printed, role)[1]
    for key, measured in (("added_at_most", contents.added_bytes(1)), ("total_at_most", contents.unpacked_bytes)):
        assert measured * 1.03 <= parse_bytes(budgets[key]) <= measured * 1.03 + 100_000
        assert f"# Measured: {measured / 1e6:,.1f} MB" in printed


def accepted(facts: Facts) -> Contract:
    """The contract with the table described, where a person has written each reason."""
    read, whole = tomllib.loads(described(facts))["images"][facts.role], document()
    read = with_reasons(read, REASON)
    whole["images"] = {role: {**image, "role": role} for role, image in whole["images"].items()}
    whole["images"][facts.role] = {**read, "role": facts.role}
    return Contract.model_validate(whole)


def others(*paths: str, **values: Any) -> Change:
    return lambda facts: facts.part("contents")["others"].extend(other(path, **values) for path in paths)


def packages(*names: str) -> Change:
    def change(facts: Facts) -> None:
        facts.part("contents")["packages"] = [package(name) for name in names]
        facts.part("contents")["others"] += [other(f"/usr/lib/{name}.so", package=name) for name in names]

    return change


def dropped(name: str, key: str = "environment") -> Change:
    return lambda facts: facts.part("subject")[key].pop(name)


def numbers(**values: float) -> Change:
    return lambda facts: facts.part("subject")["healthcheck_numbers"].update(values)


ANOTHER: dict[str, Change] = {
    "a variable": partial(variable, name="TZ", value="UTC"),
    "a variable of every image with another value": partial(variable, name="HOME", value='/home/"other"'),
    "very many variables": many(*(partial(variable, name=f"SETTING_{n}", value="x" * 30) for n in range(9))),
    "a label": partial(label, name="org.example/maker", value="us"),
    "another user": subject(user="20000:20000"),
    "another working directory": subject(working_directory="/srv"),
    "an entry point": subject(entrypoint=["tini", "--"]),
    "a shell": subject(shell=["/bin/bash", "-c"]),  # noqa: S604 - no process is started
    "a stop signal": subject(stop_signal="SIGINT"),
    "another port": subject(ports=["9000/tcp"]),
    "no port": subject(ports=[]),
    "a volume": subject(volumes=["/data"]),
    "lines for later builds": subject(on_build=["RUN true"]),
    "a slow health check": numbers(interval=90.0, start_interval=0.25),
    "a health check of its own": subject(healthcheck=["CMD", "curl", "-f", "http://127.0.0.1:8000/api/v1/health"]),
    "a file": others("/opt/tool/run"),
    "a file with its bytecode": others("/opt/tool.py", "/opt/__pycache__/tool.cpython-311.pyc"),
    "many files": others(*(f"/opt/model/{n}.bin" for n in range(30)), "/opt/model/deeper/one"),
    "a file that a later layer removes": others("/opt/archive", gone=True),
    "an odd name": others('/opt/a "b" \\ c\x7f\n*'),
    "a link": others("/opt/link", kind="link", bytes=0, target="/etc/a *"),
    "many links": others(*(f"/opt/lib/{n}.so" for n in range(30)), kind="link", bytes=0, target="one.so"),
    "a program": others("/opt/tool/run", kind="program"),
    "a program with its bytecode": many(
        others("/opt/tool.py", kind="program"), others("/opt/__pycache__/tool.cpython-311.pyc")
    ),
    "a second name of a file": others("/opt/second", kind="hard link", bytes=0),
    "an empty directory": others("/opt/spool", kind="directory", bytes=0),
    "many programs among many files": many(
        others(*(f"/opt/bin/{n}" for n in range(20)), kind="program"), others(*(f"/opt/bin/{n}.txt" for n in range(20)))
    ),
    "a module beside the distributions": others(f"{SITE}/stray.py"),
    "packages": packages("libgomp1", "tini"),
}


@pytest.mark.parametrize("name", ANOTHER)
@pytest.mark.parametrize("role", ["backend", "dev"])
def test_the_judge_accepts_the_image_under_the_table_described(role: str, name: str) -> None:
    facts = good(role, ANOTHER[name])
    checks = ("configuration", "leftovers", "lock-parity")
    before = {check: facts.findings()[check].outcome for check in checks}
    assert "FAIL" in before.values(), before
    facts.contract = accepted(facts)
    findings = facts.findings()
    assert {check: findings[check].found for check in checks if findings[check].outcome != "PASS"} == {}


def inherits(**values: Any) -> Change:
    """The base image's own settings, which the image has as well."""
    return many(record_base(**values), subject(**values))


def record_base(**values: Any) -> Change:
    return lambda facts: facts.part("record")["base"].update(values)


@pytest.mark.parametrize(
    "change",
    [
        many(record_base(ports=["22/tcp"]), subject(ports=["22/tcp", "8000/tcp"])),
        inherits(stop_signal="SIGINT"),
        inherits(author="us"),
        inherits(**{"shell": ["/bin/bash", "-c"]}),  # noqa: PIE804 - S604 takes it for a process
        many(record_base(environment={"TZ": "UTC"}), partial(variable, name="TZ", value="UTC"), dropped("LANG")),
        many(record_base(labels={"of": "base"}), partial(label, name="of", value="base"), dropped("maker", "labels")),
        subject(stop_signal="SIGTERM"),
        subject(working_directory="/home/ktrdr/"),
    ],
)
def test_what_the_base_set_and_what_is_the_default_needs_no_key(change: Change) -> None:
    assert table_of(change=change) == of_the_contract("backend")
    assert "for every image" not in remarks(change=change)


def test_an_author_is_told_for_whom_no_key_makes_room() -> None:
    assert "another author" in remarks(change=subject(author="us"))
    assert "another author" not in remarks(change=inherits(author="us"))


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("a file with its bytecode", ["/opt/tool.py"]),
        ("many files", ["/opt/model/*", "/opt/model/deeper/one"]),
        ("a file that a later layer removes", ["/opt/archive"]),
        ("a second name of a file", ["/opt/second"]),
    ],
)
def test_there_is_a_line_a_path_and_one_for_many_of_a_directory(name: str, lines: list[str]) -> None:
    assert table_of(change=ANOTHER[name])["files"] == dict.fromkeys(lines, "")


@pytest.mark.parametrize(
    ("name", "path", "line"),
    [
        ("a link", "/opt/link", {"kind": "link", "target": "/etc/a *", "reason": ""}),
        ("many links", "/opt/lib/*", {"kind": "link", "target": "one.so", "reason": ""}),
        ("a program with its bytecode", "/opt/tool.py", {"kind": "program", "reason": ""}),
        ("an empty directory", "/opt/spool", {"kind": "directory", "reason": ""}),
    ],
)
def test_a_line_for_what_is_no_plain_file_has_its_kind(name: str, path: str, line: dict[str, str]) -> None:
    assert table_of(change=ANOTHER[name])["files"] == {path: line}


def test_one_line_for_many_is_for_one_kind_and_the_others_have_a_line_each() -> None:
    files = table_of(change=ANOTHER["many programs among many files"])["files"]
    assert files.pop("/opt/bin/*") == {"kind": "program", "reason": ""}
    assert files == {f"/opt/bin/{n}.txt": "" for n in range(20)}


@pytest.mark.parametrize(
    ("held", "own", "lacks"),
    [(["tini"], None, False), (["tini", "curl"], ["curl"], False), (["curl"], ["curl"], True)],
)
def test_a_package_of_every_image_is_not_repeated(held: list[str], own: list[str] | None, *, lacks: bool) -> None:
    facts = good("backend", packages(*held))
    facts.contract = CONTRACT.model_copy(update={"packages": ["tini"]})
    printed = described(facts)
    assert told(printed, "backend")[0].get("packages") == own
    assert ("this one lacks: tini" in printed) is lacks


def test_bounds_that_the_contract_has_of_the_image_stay() -> None:
    facts = good("backend", numbers(interval=90.0))
    due = CONTRACT.configuration.healthcheck
    assert due is not None
    wider = due.model_copy(update={"interval": due.interval.model_copy(update={"at_most": 100.0})})
    own = CONTRACT.images["backend"].configuration.with_(Configuration(healthcheck=wider))
    image = CONTRACT.images["backend"].model_copy(update={"configuration": own})
    facts.contract = CONTRACT.model_copy(update={"images": {**CONTRACT.images, "backend": image}})
    table = told(described(facts), "backend")[0]
    assert table["configuration"]["healthcheck"]["interval"] == {"at_least": 5, "at_most": 100}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda facts: facts.part("subject")["environment"].pop("HOME"), "environment for every image that this one"),
        (subject(user=""), "The image sets no user: the contract has 10001:10001"),
        (subject(healthcheck=[]), "The image has no HEALTHCHECK"),
        (subject(healthcheck=["NONE"]), "The image has no HEALTHCHECK"),
        (subject(healthcheck=["CMD-SHELL", "true"]), "HEALTHCHECK has to be words in brackets"),
        (partial(label, name="ktrdr.role", value="dev"), "label ktrdr.role has to be backend"),
        (partial(label, name="org.opencontainers.image.description", value=""), "lacks the label"),
        (partial(variable, name="API_TOKEN", value="•••"), "••• hides what looks like a secret"),
        (lambda facts: facts.part("contents")["others"].clear(), "this one lacks: /opt/venv/.gitignore"),
        (others("/root/.cache/pip/x.whl"), "100 bytes, layer 1, a package cache. Remove it"),
        (others("/opt/archive", gone=True), "layer 1, removed later. Remove it"),
        (others("/opt/pipe", kind="device", bytes=0), "/opt/pipe: a device, layer 1. No line allows it: remove it."),
    ],
)  # fmt: skip
def test_what_no_table_can_allow_is_a_comment(change: Change, said: str) -> None:
    assert said in remarks(change=change)
    assert said not in remarks()


def test_a_line_that_the_image_does_not_use_is_left_out_and_named() -> None:
    def drop(facts: Facts) -> None:
        held = facts.part("contents")["others"]
        held[:] = [one for one in held if one["path"] != "/app/LICENSE"]

    assert "does not use the line /app/LICENSE" in remarks("dev", drop)
    assert "/app/LICENSE" not in table_of("dev", drop)["files"]


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        (["/data", "/data/file", "/srv/cache", "/srv/cache/a/b"], ["/data", "/srv/cache"]),
        (["/data", "/opt/venv/lib", "/opt/loose"], ["/data"]),
        (["/data", "/var/of-the-base"], ["/data"]),
    ],
)
def test_writable_are_the_highest_directories_that_the_user_may_write(paths: list[str], found: list[str]) -> None:
    def change(facts: Facts) -> None:
        others("/opt/loose", "/data/file")(facts)
        facts.part("contents")["writable"] = {path: 0 if "base" in path else 2 for path in paths}

    assert table_of(change=change)["writable"] == found


def test_root_may_write_everything_so_the_contract_tells() -> None:
    def change(facts: Facts) -> None:
        facts.part("subject")["user"] = "0:0"
        facts.part("contents")["writable"] = {"/opt": 1}

    assert table_of(change=change)["writable"] == ["/data"]


def missing_subject(facts: Facts) -> None:
    facts.subject, facts.error = None, "no image ktrdr-backend:prod on the engine"


def missing_contents(facts: Facts) -> None:
    facts.contents, facts.contents_error = None, "the export is cut off"


@pytest.mark.parametrize(
    ("change", "said"),
    [(missing_subject, "no image ktrdr-backend:prod"), (missing_contents, "the export is cut off"),
     (subject(layers=["sha256:foreign"]), "base image's layers")],
)  # fmt: skip
def test_nothing_is_described_that_was_not_seen(change: Change, said: str) -> None:
    with pytest.raises(NotSeen, match=said):
        list(contract_table(good("backend", change).case()))
