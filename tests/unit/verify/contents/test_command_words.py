"""What an image's commands do is told by their words, in whatever form they are written."""

from typing import Any

import pytest

from deploy.image_config import ImageConfig
from verify.contents.command_words import (
    assigned,
    elsewhere,
    healthcheck_words,
    names,
    python_options,
    shell_options,
    written,
)


@pytest.mark.parametrize(
    ("command", "variables"),
    [
        (["env", "LD_PRELOAD=/opt/p.so", "uvicorn"], ["LD_PRELOAD"]),
        (["env", "-SLD_PRELOAD=/opt/p.so uvicorn"], ["LD_PRELOAD"]),
        (["env", "-iS", "LD_PRELOAD=/opt/p.so uvicorn"], ["LD_PRELOAD"]),
        (["env", "--split-string=LD_PRELOAD=/opt/p.so uvicorn"], ["string", "LD_PRELOAD"]),
        (["sh", "-c", "A=1 LD_PRELOAD=/opt/p.so exec uvicorn"], ["A", "LD_PRELOAD"]),
        (["sh", "-c", "cd /;LD_PRELOAD=/opt/p.so&&x"], ["LD_PRELOAD"]),
        (["sh", "-c", "{ LD_PRELOAD+=/opt/p.so x; }"], ["LD_PRELOAD"]),
        (["sh", "-c", """sh -c "export 'LD_'\\PRELOAD=/opt/p.so; x" """], ["LD_PRELOAD"]),
        (["uvicorn", "--port", "8000"], []),
        (["uvicorn", "OLD_PWD"], []),
    ],
)
def test_a_variable_that_a_command_sets_is_told(command: list[str], variables: list[str]) -> None:
    assert assigned(command) == variables


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("python -OO -m uvicorn", ["-O", "-O"]),
        ("python -uO -m uvicorn", ["-O"]),
        ("/opt/venv/bin/python3.11 -X pycache_prefix=/opt/b -m uvicorn", ["-X pycache_prefix=/opt/b"]),
        ("python -Xpycache_prefix=/opt/b -O", ["-X pycache_prefix=/opt/b", "-O"]),
        ("python -X utf8=1 -X faulthandler -Xno_debug_ranges -m x", []),
        ("python -X", ["-X "]),
        ("python -W ignore::a.B -S -m x", ["-W ignore::a.B", "-S"]),
        ("python --check-hash-based-pycs never -O x.py", ["--check-hash-based-pycs", "-O"]),
        ("python -b -B -E -I -P -q -R -s -u -m x", []),
        ("python -m uvicorn -O", []),
        ("python -uc pass -O", []),
        ("python x.py -O", []),
        ("python - -O", []),
        ("python -- -O", []),
        ("python", []),
        ("sort -O", []),
        ("timeout 5 python -i x", ["-i"]),
        ("python x.py python3 -O", ["-O"]),
    ],
)
def test_an_option_of_python_that_changes_what_is_run_is_told(command: str, options: list[str]) -> None:
    assert python_options(command.split()) == options
    assert python_options(["/bin/sh", "-c", f"exec {command}"]) == options


def test_a_python_may_have_another_name() -> None:
    assert python_options(["/opt/py", "-O"], {"/opt/py"}) == ["-O"]
    assert python_options(["/opt/py", "-O"]) == []


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["sh", "-c", "cd /srv && exec uvicorn"], ["cd"]),
        (["env", "-C", "/srv", "uvicorn"], ["env -C"]),
        (["/usr/bin/env", "-C/srv", "uvicorn"], ["env -C"]),
        (["env", "--chdir=/srv", "uvicorn"], ["--chdir=/srv"]),
        (["uvicorn", "--app-dir", "/srv"], ["--app-dir"]),
        (["/lib64/ld-linux-x86-64.so.2", "--preload", "x"], ["/lib64/ld-linux-x86-64.so.2"]),
        (["/lib/ld-musl-aarch64.so.1", "x"], ["/lib/ld-musl-aarch64.so.1"]),
        (["tar", "-C", "/srv"], []),
        (["env", "uvicorn"], []),
    ],
)
def test_a_command_that_looks_for_modules_or_libraries_elsewhere_is_told(command: list[str], words: list[str]) -> None:
    assert elsewhere(command) == words


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["bash", "-lc", "exec serve"], ["bash -lc"]),
        (["/bin/sh", "-c", "serve"], []),
        (["sh", "-e", "-l", "-c", "serve"], ["sh -l"]),
        (["/bin/sh", "-c", "exec bash --login -c serve"], ["bash --login"]),
        (["bash", "--rcfile=/x", "-i"], ["bash --rcfile=/x", "bash -i"]),
        (["bash", "-c", "ls -l"], []),
        (["serve", "-l"], []),
    ],
)
def test_a_shell_that_reads_start_up_files_is_told(command: list[str], told: list[str]) -> None:
    assert shell_options(command) == told


def test_a_word_for_a_shell_is_taken_apart_without_its_quotes() -> None:
    assert written(["sh", "-c", "a 'b'|c>d;(\"e\\f\")&`g`", ""]) == ["sh", "-c", "a", "b", "c", "d", "ef", "g"]


@pytest.mark.parametrize(
    ("test", "shell", "words"),
    [
        ([], [], []),
        (["NONE"], [], []),
        (["CMD", "python", "x"], ["/opt/sh"], ["python", "x"]),
        (["CMD-SHELL", "true"], [], ["/bin/sh", "-c", "true"]),
        (["CMD-SHELL", "true"], ["/opt/sh", "-c"], ["/opt/sh", "-c", "true"]),
    ],
)
def test_a_healthcheck_is_a_command_of_its_own(test: list[str], shell: list[str], words: list[str]) -> None:
    assert healthcheck_words(test, shell) == words


def config(configured: dict[str, Any]) -> ImageConfig:
    return ImageConfig.from_inspect({"Config": configured})


def test_whatever_a_configuration_s_commands_may_name_is_told() -> None:
    test = {"Test": ["CMD-SHELL", "check /a:/b"]}
    configured = {"Entrypoint": ["/e"], "Cmd": ["c", "--x=/d"], "Healthcheck": test, "Shell": ["/s", "-c"]}
    assert names(config(configured)) == {"/e", "c", "--x=/d", "--x", "/d", "/s", "-c", "check", "/a:/b", "/a", "/b"}
    assert names(config({})) == names(config({"Cmd": None, "Entrypoint": None, "Healthcheck": None})) == set()
