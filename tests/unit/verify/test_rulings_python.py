"""Whether Python in an image is the base image's own, unaltered: what could make it lie is told."""

import pytest

from tests.unit.verify.breakages import contents, layer, report, subject
from tests.unit.verify.cases import SITE, Change, Facts, good, many
from verify.verdict import Finding


def found(check: str, change: Change | None = None, role: str = "dev") -> Finding:
    return good(role, change).findings()[check]


def test_an_interpreter_that_is_not_the_base_s_is_told_with_both_paths() -> None:
    def change(facts: Facts) -> None:
        facts.part("contents")["interpreter"].update(path="/opt/venv/bin/python", layer=3)

    assert found("interpreter", change).found == (
        "/opt/venv/bin/python does not come from the base image; "
        "the layers say /opt/venv/bin/python, the process says /usr/local/bin/python3.11"
    )


@pytest.mark.parametrize("version", ["3.1.1", "3.111.0", "3.12.0"])
def test_another_python_than_the_contract_s_is_found_however_alike_its_version(version: str) -> None:
    assert found("interpreter", report("environment", python=version)).outcome == "FAIL"


def test_a_start_up_file_of_a_locked_distribution_is_its_own_business() -> None:
    hook = {"path": f"{SITE}/ktrdr.pth", "layer": 3, "distribution": "ktrdr", "text": "/app\n"}
    assert found("python-unaltered", contents(hooks=[hook])).outcome == "PASS"


def test_a_start_up_file_of_no_locked_distribution_is_told_although_it_only_names_a_directory() -> None:
    hook = {"path": f"{SITE}/lies.pth", "layer": 3, "distribution": "lies", "text": "/app\n"}
    told = found("python-unaltered", contents(hooks=[hook])).found
    assert told == f"run or found before the program: {SITE}/lies.pth"


@pytest.mark.parametrize(
    ("start", "path", "text", "outcome"),
    [
        ("/app", "/app/ktrdr/__init__.py", "/app/\n", "PASS"),
        ("/app", "/app/ktrdr/__init__.py", "/srv\n", "FAIL"),
        ("/home/ktrdr", "/home/ktrdr/ktrdr/__init__.py", "/app\n", "FAIL"),
        ("/app", "/app/anyio/__init__.py", "/app\n", "FAIL"),
    ],
)
def test_the_application_may_lie_where_processes_start_if_it_is_installed_from_there(
    start: str, path: str, text: str, outcome: str
) -> None:
    own = {"path": f"{SITE}/ktrdr.pth", "layer": 3, "distribution": "ktrdr", "text": text}
    change = contents(hooks=[own, {"path": path, "layer": 3, "distribution": ""}], working_directory=start)
    assert found("python-unaltered", change).outcome == outcome


def test_where_another_distribution_s_start_up_file_says_is_not_where_the_application_s_source_is() -> None:
    other = {"path": f"{SITE}/fastapi.pth", "layer": 3, "distribution": "fastapi", "text": "/app\n"}
    source = {"path": "/app/ktrdr/__init__.py", "layer": 3, "distribution": ""}
    told = found("python-unaltered", contents(hooks=[other, source], working_directory="/app")).found
    assert told == "run or found before the program: /app/ktrdr/__init__.py"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("home = /opt/evil/bin\n", "/opt/evil/bin"),
        ("home = /usr/bin\nhome = /usr/local/bin\n", "/usr/bin, /usr/local/bin"),
        ("version = 3.11\n", "nowhere"),
    ],
)
def test_an_environment_that_takes_python_from_elsewhere_is_told_with_where(text: str, told: str) -> None:
    finding = found("python-unaltered", contents(environments={"/opt/venv/pyvenv.cfg": text}))
    assert finding.found == f"/opt/venv/pyvenv.cfg takes Python from {told}, not from /usr/local/bin"


def test_the_base_s_own_start_up_files_are_its_own_business() -> None:
    hook = {"path": "/usr/lib/python3/sitecustomize.py", "layer": 0, "distribution": ""}
    assert found("python-unaltered", contents(hooks=[hook])).outcome == "PASS"


def test_the_user_may_be_written_into_the_base_s_files() -> None:
    assert found("python-unaltered", layer(1, replaced=["/etc/group", "/etc/passwd"])).outcome == "PASS"


def test_everything_that_may_make_python_lie_is_told() -> None:
    hook = {"path": f"{SITE}/lies.pth", "layer": 2, "distribution": "lies"}
    change = many(
        subject(entrypoint=["/bin/lie", "-x"], environment={"PATH": "/x", "PYTHONPATH": "/l", "LD_PRELOAD": "/l"}),
        contents(hooks=[hook]),
        layer(3, replaced=["/usr/bin/python3.11"]),
    )
    told = found("python-unaltered", change).found
    assert all(word in told for word in ("/bin/lie -x", "LD_PRELOAD, PYTHONPATH", "lies.pth", "/usr/bin/python3.11"))


@pytest.mark.parametrize(
    ("name", "outcome"),
    [("PYTHONNODEBUGRANGES", "PASS"), ("PYTHONUNBUFFERED", "PASS"), ("PYTHONNODEBUG", "FAIL"), ("PYTHONHOME", "FAIL")],
)
def test_a_variable_of_python_s_that_changes_tracebacks_alone_alters_nothing(name: str, outcome: str) -> None:
    assert found("python-unaltered", subject(environment={"PATH": "/x", name: "1"})).outcome == outcome
