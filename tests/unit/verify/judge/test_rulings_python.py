"""Whether Python in an image is the base image's own, unaltered: what could make it lie is told."""

import pytest

from tests.support.cases import SITE, Change, Facts, good, many
from tests.support.changes import contents, layer, report, subject
from verify.contents import loader_cache
from verify.judge.verdict import Finding


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
    assert told == f"loaded before the program: {SITE}/lies.pth"


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


@pytest.mark.parametrize(("below", "outcome"), [(0, "FAIL"), (1, "PASS"), (2, "PASS")])
def test_a_file_of_the_base_is_not_replaced_and_one_of_the_image_s_own_may_be(below: int, outcome: str) -> None:
    assert found("python-unaltered", layer(3, replaced={"/usr/lib/x.so": below})).outcome == outcome


@pytest.mark.parametrize(
    ("text", "outcome"), [(loader_cache.OWN, "PASS"), ("", "FAIL"), ("libz.so.1 => /opt/libz.so.1", "FAIL")]
)
def test_the_loader_s_cache_may_be_made_anew_but_leads_to_no_other_place(text: str, outcome: str) -> None:
    hook = {"path": loader_cache.PATH, "layer": 1, "distribution": "", "text": text}
    assert found("python-unaltered", contents(hooks=[hook])).outcome == outcome


def test_everything_that_may_make_python_lie_is_told() -> None:
    hook = {"path": f"{SITE}/lies.pth", "layer": 2, "distribution": "lies"}
    change = many(
        contents(hooks=[hook]),
        layer(3, replaced={"/usr/bin/python3.11": 0}),
    )
    told = found("python-unaltered", change).found
    assert all(word in told for word in ("lies.pth", "/usr/bin/python3.11"))


@pytest.mark.parametrize(
    "directory",
    [
        "/home/ktrdr/.local/bin", "/home/other/bin", "/srv/me/bin", "/srv/env/bin", "/var/tmp/bin", "/dev/shm",
        "/run/bin", "/data", "/opt/../data/bin", "bin", "",
    ],
)  # fmt: skip
def test_a_directory_of_path_whose_files_the_layers_do_not_decide_is_told(directory: str) -> None:
    change = many(
        report("environment", home="/srv/me"),
        subject(environment={"PATH": f"/opt/venv/bin:{directory}:/usr/bin", "HOME": "/srv/env"}),
    )
    told = found("interpreter", change).found
    assert told == f"PATH holds {directory!r}, whose files the layers do not decide"


@pytest.mark.parametrize("home", ["/", "//", "/.", "", "home"])
def test_a_home_that_is_none_makes_no_other_directory_writable(home: str) -> None:
    change = many(report("environment", home=home), subject(environment={"PATH": "/x:/", "HOME": home}))
    assert found("interpreter", change).outcome == "PASS"


def test_an_image_without_path_has_the_engine_s_and_an_empty_one_leads_to_where_a_process_starts() -> None:
    assert found("interpreter", subject(environment={})).outcome == "PASS"
    assert found("interpreter", subject(environment={"PATH": ""})).outcome == "FAIL"


@pytest.mark.parametrize("leads", ["/data/plugins", "/home/ktrdr/lib", "/tmp/x", "/dev/shm/x", "/run/x"])
def test_a_start_up_file_that_leads_where_the_application_writes_is_told_whoever_owns_it(leads: str) -> None:
    hook = {"path": f"{SITE}/ktrdr.pth", "layer": 3, "distribution": "ktrdr", "text": f"{leads}\n", "leads": [leads]}
    told = found("python-unaltered", contents(hooks=[hook])).found
    assert told == f"a start-up file leads to {leads}, whose files the layers do not decide"
    assert found("python-unaltered", contents(hooks=[{**hook, "layer": 1}])).found == told
    assert found("python-unaltered", contents(hooks=[{**hook, "layer": 0}])).outcome == "PASS"


def test_a_start_in_a_home_is_where_the_images_start() -> None:
    assert found("python-unaltered", contents(working_directory="/home/ktrdr")).outcome == "PASS"
    assert found("python-unaltered", contents(working_directory="/run/ktrdr")).outcome == "FAIL"


def test_a_secret_in_a_command_is_told_although_the_history_is_silent_on_it() -> None:
    change = subject(command=["sh", "-c", "TOKEN=•••"], history=[])
    assert found("history", change).outcome == "FAIL"


NESTED = f"{SITE}/opentelemetry/instrumentation/auto_instrumentation"


@pytest.mark.parametrize("module", ["sitecustomize.py", "sitecustomize/__init__.py"])
def test_a_locked_distribution_s_start_up_module_where_python_does_not_search_is_never_run(module: str) -> None:
    hook = {"path": f"{NESTED}/{module}", "layer": 3, "distribution": "fastapi"}
    assert found("python-unaltered", contents(hooks=[hook])).outcome == "PASS"


@pytest.mark.parametrize(
    ("hook", "searched"),
    [
        ({"path": f"{NESTED}/sitecustomize.py", "distribution": "fastapi"}, [NESTED]),
        ({"path": f"{NESTED}/sitecustomize.py", "distribution": ""}, []),
        ({"path": f"{SITE}/sitecustomize.py", "distribution": "fastapi"}, []),
        ({"path": f"{SITE}/sitecustomize/__init__.py", "distribution": "fastapi"}, []),
        ({"path": "/srv/sitecustomize.py", "distribution": ""}, []),
    ],
    ids=["searched", "of nobody", "beside the distributions", "a package beside them", "elsewhere"],
)
def test_any_other_start_up_module_is_told(hook: dict[str, str], searched: list[str]) -> None:
    def searching(facts: Facts) -> None:
        facts.report("environment")["path"] += searched

    change = many(contents(hooks=[{**hook, "layer": 3}]), searching)
    assert hook["path"] in found("python-unaltered", change).found


@pytest.mark.parametrize(
    ("environments", "outcome"), [({}, "PASS"), ({"/opt/venv/pyvenv.cfg": "home = /usr/bin"}, "FAIL")]
)
def test_debian_s_own_directories_are_the_interpreter_s_where_no_environment_does_without_them(
    environments: dict[str, str], outcome: str
) -> None:
    def debian(facts: Facts) -> None:
        facts.part("contents")["interpreter"]["path"] = "/usr/bin/python3.11"
        facts.part("contents")["environments"] = environments
        facts.report("environment").update(
            interpreter="/usr/bin/python3.11",
            path=["", "/usr/lib/python311.zip", "/usr/lib/python3.11", "/usr/lib/python3.11/lib-dynload",
                  "/usr/local/lib/python3.11/dist-packages", "/usr/lib/python3/dist-packages"],
        )  # fmt: skip

    assert found("python-unaltered", debian).outcome == outcome
