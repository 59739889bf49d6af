"""Which files an image's commands may name is told by their words, in whatever form they are written."""

from typing import Any

import pytest

from deploy.image_config import ImageConfig
from verify.contents.command_words import healthcheck_words, names, written


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
