"""What is in a person's way is told in one clear message and an exit code of its own, never as a traceback."""

import sys
from pathlib import Path

import pytest

from tests.integration.conftest import Checkout, Ended, Images, execute

BUILD = ("deploy", "build")
VERIFY = ("verify",)
COMMANDS = pytest.mark.parametrize("command", [BUILD, VERIFY], ids=["build", "verify"])


def run(command: tuple[str, ...], *words: str, checkout: Checkout, env: dict[str, str] | None = None) -> Ended:
    return execute(sys.executable, "-m", *command, *words, cwd=checkout.directory, env=env)


def told(ended: Ended, code: int, *words: str) -> None:
    """Check that a command ended with this code and said these words, once, and what to do next."""
    assert ended.code == code, ended
    assert "Traceback" not in ended.printed, ended
    for word in words:
        assert ended.printed.count(word) == 1, f"{word!r} is not said once: {ended}"


@COMMANDS
def test_a_wrong_contract_is_exit_2_and_names_every_mistake(command: tuple[str, ...], checkout: Checkout) -> None:
    path = "deploy/docker/images.toml"
    checkout.change(path, 'added_at_most = "25.5 MB"', 'added_at_most = "25.5 MiB"')
    checkout.change(path, "more_routes_than = 10", "more_routes = 10")
    ended = run(command, checkout=checkout)
    told(ended, 2, "reading the contract", "images.backend.added_at_most", "application.more_routes ", "  next: ")
    assert "25.5 MiB" in ended.printed


@COMMANDS
def test_an_unknown_role_is_exit_2_and_names_those_there_are(command: tuple[str, ...], checkout: Checkout) -> None:
    told(run(command, "backendd", checkout=checkout), 2, "no such role: backendd", "  next: ")


@COMMANDS
def test_an_unknown_option_is_exit_2(command: tuple[str, ...], checkout: Checkout) -> None:
    told(run(command, "--fast", checkout=checkout), 2, "--fast")


@COMMANDS
def test_no_engine_is_exit_3(command: tuple[str, ...], checkout: Checkout, tmp_path: Path) -> None:
    env = {"DOCKER_HOST": f"unix://{tmp_path}/no.sock"}
    told(run(command, checkout=checkout, env=env), 3, f"{tmp_path}/no.sock", "  next: ")


def test_a_missing_image_is_exit_3_and_an_error_with_what_to_run(images: Images, checkout: Checkout) -> None:
    ended = run(VERIFY, "backend", checkout=checkout)
    assert images.left_by(ended.pid) == []
    assert ended.code == 3, ended
    assert "Traceback" not in ended.printed, ended
    found = checkout.findings("backend")
    assert (found["image-present"].outcome, found["image-present"].category) == ("ERROR", "ENVIRONMENT")
    assert checkout.name("backend") in found["image-present"].found
    assert found["image-present"].action == "Run `./noxw -s build -- backend`"
    assert {one.outcome for one in found.values()} <= {"ERROR", "SKIP"}
    assert ended.printed.count(f"no image {checkout.name('backend')} on the engine") == 1, ended


def test_nothing_to_summarize_is_exit_3(checkout: Checkout) -> None:
    told(run(VERIFY, "summarize", checkout=checkout), 3, "there is no directory", "  next: ./noxw -s build verify")
