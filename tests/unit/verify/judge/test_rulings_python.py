"""Whether Python in an image is the base image's own, unaltered: what could make it lie is told."""

import pytest

from tests.support.cases import SITE, Change, Facts, good, many
from tests.support.changes import contents, layer, report, subject
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
    assert told == "loaded before the program: /app/ktrdr/__init__.py"


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


@pytest.mark.parametrize(
    ("path", "outcome"),
    [
        *((path, "PASS") for path in ("/etc/gshadow", "/etc/subuid", "/etc/passwd-", "/var/lib/dpkg/status",
                                      "/var/lib/apt/extended_states", "/var/log/dpkg.log")),
        *((path, "FAIL") for path in ("/etc/profile", "/etc/group/x", "/var/lib/python/x", "/usr/lib/x.so")),
    ],
)  # fmt: skip
def test_what_useradd_and_a_package_manager_write_of_what_they_did_alters_nothing(path: str, outcome: str) -> None:
    assert found("python-unaltered", layer(1, replaced=[path])).outcome == outcome


@pytest.mark.parametrize(("owner", "outcome"), [("fastapi", "PASS"), ("", "FAIL"), ("unknown", "FAIL")])
def test_a_script_of_a_locked_distribution_may_be_a_module_as_well(owner: str, outcome: str) -> None:
    hook = {"path": "/opt/venv/bin/jp.py", "layer": 2, "distribution": owner}
    assert found("python-unaltered", contents(hooks=[hook])).outcome == outcome


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
    [
        *(
            (name, "FAIL")
            for name in (
                "LD_AUDIT", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "TORCH_EXTENSIONS_DIR", "TORCHINDUCTOR_CACHE_DIR",
                "TORCHINDUCTOR_FX_GRAPH_REMOTE_CACHE", "TRITON_CACHE_DIR", "TRITON_PTXAS_PATH",
                "PYTORCH_KERNEL_CACHE_PATH", "CUDA_INJECTION32_PATH", "CUDA_INJECTION64_PATH", "NVTX_INJECTION64_PATH",
                "CUDA_CACHE_PATH", "NCCL_NET_PLUGIN", "INTEL_LIBITTNOTIFY64", "OMP_TOOL_LIBRARIES",
                "KMP_DUPLICATE_LIB_OK", "UVICORN_APP_DIR", "UVICORN_RELOAD", "UVICORN_RELOAD_DIRS", "BASH_ENV",
            )
        ),
        *(
            (name, "PASS")
            for name in (
                "TORCH_FORCE_WEIGHTS_ONLY_LOAD", "TORCH_LOGS", "TORCHINDUCTOR_FORCE_DISABLE_CACHES",
                "CUDA_DEVICE_ORDER", "NCCL_DEBUG", "OMP_NUM_THREADS", "OMP_TOOL_LIBRARIES_TOO", "NO_OMP_TOOL_LIBRARIES",
                "UVICORN_PORT", "ENV",
            )
        ),
    ],
)  # fmt: skip
def test_variables_that_let_pytorch_cuda_or_openmp_load_code_or_skip_a_safeguard_are_told(
    name: str, outcome: str
) -> None:
    finding = found("python-unaltered", subject(environment={"PATH": "/x", name: "1"}), "worker-gpu")
    assert (finding.outcome, name in finding.found) == (outcome, outcome == "FAIL")


@pytest.mark.parametrize(
    ("name", "outcome"),
    [("PYTHONNODEBUGRANGES", "PASS"), ("PYTHONUNBUFFERED", "PASS"), ("PYTHONNODEBUG", "FAIL"), ("PYTHONHOME", "FAIL")],
)
def test_a_variable_of_python_s_that_changes_tracebacks_alone_alters_nothing(name: str, outcome: str) -> None:
    assert found("python-unaltered", subject(environment={"PATH": "/x", name: "1"})).outcome == outcome


@pytest.mark.parametrize("part", ["command", "healthcheck", "in a shell", "in a shell's healthcheck"])
@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("env LD_PRELOAD=/opt/p.so PYTHONPATH=/opt/x uvicorn", "a command sets LD_PRELOAD, PYTHONPATH"),
        ("env PATH=/data/bin uvicorn", "a command sets PATH"),
        ("python -OO -X pycache_prefix=/opt/b -m x", "a command runs Python with -O, -X pycache_prefix=/opt/b"),
        ("bash -lc uvicorn", "a command's shell reads start-up files: bash -lc"),
        ("uvicorn --app-dir /opt/x", "a command searches other places: --app-dir"),
    ],
)
def test_what_an_image_s_environment_may_not_do_its_commands_may_not_either(part: str, words: str, told: str) -> None:
    change = {
        "command": subject(command=words.split()),
        "healthcheck": subject(healthcheck=["CMD", *words.split()]),
        "in a shell": subject(command=["/bin/sh", "-c", f"exec {words}"]),
        "in a shell's healthcheck": subject(healthcheck=["CMD-SHELL", f"{words} || exit 1"]),
    }[part]
    assert found("python-unaltered", change).found == told


def test_an_entry_point_s_words_are_judged_with_the_command_s() -> None:
    told = found("python-unaltered", subject(entrypoint=["env", "LD_PRELOAD=/x"], command=["uvicorn"])).found
    assert told.endswith("stands before every command; a command sets LD_PRELOAD")


def test_the_shell_of_a_healthcheck_is_part_of_it() -> None:
    shell = {"shell": ["/usr/bin/env", "LD_PRELOAD=/x", "sh", "-c"]}
    used = subject(healthcheck=["CMD-SHELL", "true"], **shell)
    assert found("python-unaltered", used).found == "a command sets LD_PRELOAD"
    assert found("python-unaltered", subject(**shell)).outcome == "PASS"


@pytest.mark.parametrize(
    "command",
    [
        ["env", "KTRDR_LOG_LEVEL=debug", "uvicorn", "ktrdr.api.main:app"],
        ["sh", "-c", "exec uvicorn ktrdr.api.main:app --host 0.0.0.0 --port ${PORT:-8000}"],
        ["python", "-I", "-u", "-X", "utf8", "-m", "uvicorn", "ktrdr.api.main:app", "--reload-dir", "/app/ktrdr"],
    ],
)
def test_a_command_that_alters_nothing_is_none_of_python_s_business(command: list[str]) -> None:
    assert found("python-unaltered", subject(command=command)).outcome == "PASS"


def _named(word: str, path: str, layer: int, distribution: str = "") -> Change:
    return contents(named=[{"word": word, "path": path, "layer": layer, "distribution": distribution}])


def test_what_a_command_names_is_the_base_s_or_a_locked_distribution_s() -> None:
    assert found("python-unaltered", _named("uvicorn", "/opt/venv/bin/uvicorn", 1, "uvicorn")).outcome == "PASS"
    assert found("python-unaltered", _named("python3", "/usr/local/bin/python3.11", 0)).outcome == "PASS"
    assert found("python-unaltered", _named("uvicorn", "/opt/mine/uvicorn", 1, "lies")).outcome == "FAIL"
    assert found("python-unaltered", _named("python3", "/opt/mine/python3", 1)).found == (
        "a command runs a program that neither the base nor a locked distribution holds: /opt/mine/python3 (python3)"
    )


def test_the_base_s_python_is_known_by_whatever_name_a_command_has_for_it() -> None:
    change = many(subject(command=["/opt/py", "-O", "x"]), _named("/opt/py", "/usr/local/bin/python3.11", 0))
    assert found("python-unaltered", change).found == "a command runs Python with -O"
    other = many(subject(command=["/opt/py", "-O", "x"]), _named("/opt/py", "/usr/local/bin/perl", 0))
    assert found("python-unaltered", other).outcome == "PASS"


@pytest.mark.parametrize(
    ("directory", "path"),
    [
        ("/home/ktrdr/.local/bin", ""), ("/home/other/bin", ""), ("/srv/me/bin", ""), ("/srv/env/bin", ""),
        ("/var/tmp/bin", ""), ("/dev/shm", ""), ("/run/bin", ""), ("/data", ""), ("/opt/link", "/home/ktrdr/bin"),
    ],
)  # fmt: skip
def test_a_directory_of_path_that_the_user_may_make_is_told_although_nothing_is_there(
    directory: str, path: str
) -> None:
    searched = {"directory": directory, "python": "/usr/local/bin/python3.11", "layer": 0, "path": path}
    change = many(
        report("environment", home="/srv/me"),
        subject(environment={"PATH": "/x", "HOME": "/srv/env"}),
        contents(search=[searched]),
    )
    assert found("interpreter", change).found.startswith("PATH leads to ")
    assert directory in found("interpreter", change).found


@pytest.mark.parametrize("home", ["/", "//", "/.", "", "home"])
def test_a_home_that_is_none_makes_no_other_directory_writable(home: str) -> None:
    change = many(report("environment", home=home), subject(environment={"PATH": "/x", "HOME": home}))
    assert found("interpreter", change).outcome == "PASS"
    searched = {"directory": "/", "python": "/usr/local/bin/python3.11", "layer": 0, "path": "/"}
    assert found("interpreter", many(change, contents(search=[searched]))).outcome == "PASS"


@pytest.mark.parametrize("leads", ["/data/plugins", "/home/ktrdr/lib", "/tmp/x", "/dev/shm/x", "/run/x"])
def test_a_start_up_file_that_leads_where_the_application_writes_is_told_whoever_owns_it(leads: str) -> None:
    hook = {"path": f"{SITE}/ktrdr.pth", "layer": 3, "distribution": "ktrdr", "text": f"{leads}\n", "leads": [leads]}
    told = found("python-unaltered", contents(hooks=[hook])).found
    assert told == f"a start-up file leads to {leads}, whose files the layers do not decide"
    assert found("python-unaltered", contents(hooks=[{**hook, "layer": 1}])).found == told
    assert found("python-unaltered", contents(hooks=[{**hook, "layer": 0}])).outcome == "PASS"


@pytest.mark.parametrize(
    ("volume", "outcome"),
    [("/data", "PASS"), ("/data/models", "PASS"), ("/home/ktrdr", "FAIL"), ("/opt/venv", "FAIL"), ("/data/..", "FAIL")],
)
def test_a_volume_is_declared_only_where_the_contract_says_that_the_application_writes(
    volume: str, outcome: str
) -> None:
    finding = found("python-unaltered", subject(volumes=[volume]))
    assert finding.outcome == outcome
    assert outcome == "PASS" or finding.found == f"volumes where the contract has nothing writable: {volume}"


def test_a_start_in_a_home_is_where_the_images_start() -> None:
    assert found("python-unaltered", contents(working_directory="/home/ktrdr")).outcome == "PASS"
    assert found("python-unaltered", contents(working_directory="/run/ktrdr")).outcome == "FAIL"


def test_a_secret_in_a_command_is_told_although_the_history_is_silent_on_it() -> None:
    change = subject(command=["sh", "-c", "TOKEN=•••"], history=[])
    assert found("history", change).outcome == "FAIL"
