"""What an image is asked, and for how long, follows from contract and configuration."""

import json
from typing import Any, cast

import pytest

from deploy.image_config import ImageConfig
from tests.support.checkout import CACHE, read_contract
from tests.support.image_configs import config
from verify.observe import observer
from verify.observe.requests import (
    patience,
    probe_request,
    source,
    unhealthy_after,
)


def asked(healthcheck: list[str]) -> dict[str, Any]:
    contract = read_contract()
    return probe_request(contract, contract.images["backend"], healthcheck)


def test_every_question_is_asked_of_an_interpreter_of_its_own() -> None:
    request = asked([])
    assert {name: one["source"] for name, one in request["probes"].items()} == {
        name: source(name) for name in ("environment", "pytorch", "application", "commands")
    }


def test_the_application_is_looked_at_as_the_contract_says() -> None:
    application = read_contract().application
    assert asked([])["probes"]["application"]["argument"] == {
        "module": application.module, "attribute": application.attribute, "health": application.health,
        "heavy": application.heavy,
    }  # fmt: skip


def test_every_request_has_a_nonce_of_its_own() -> None:
    nonces = {asked([])["nonce"] for _ in range(20)}
    assert len(nonces) == 20
    assert all(len(nonce) == 32 for nonce in nonces)


@pytest.mark.parametrize(
    ("healthcheck", "command"),
    [
        ([], None),
        (["NONE"], None),
        (["CMD", "python", "-m", "x"], ["python", "-m", "x"]),
        (["CMD-SHELL", "curl -f http://x || exit 1"], ["/bin/sh", "-c", "curl -f http://x || exit 1"]),
    ],
)
def test_the_image_s_own_healthcheck_is_run_at_its_server_s_address(
    healthcheck: list[str], command: list[str] | None
) -> None:
    found = asked(healthcheck)["probes"].get("healthcheck")
    assert (found["argument"]["command"] if found else None) == command
    assert found is None or found["argument"]["address"] == read_contract().images["backend"].health


def test_a_healthcheck_in_words_is_run_in_the_image_s_own_shell() -> None:
    contract = read_contract()
    looking = observer.Observer(cast("Any", None), contract, cast("Any", None), CACHE)
    for shell, words in {("/bin/bash", "-c"): ["/bin/bash", "-c"], (): ["/bin/sh", "-c"]}.items():
        configured = config({"Healthcheck": {"Test": ["CMD-SHELL", "true"]}, "Shell": shell})
        found = looking._request(contract.images["dev"], configured)["probes"]["healthcheck"]
        assert found["argument"]["command"] == [*words, "true"]


@pytest.mark.parametrize("answer", [{}, {"Config": None}, {"Config": {}}, {"Config": {"Healthcheck": None}}])
def test_an_image_without_healthcheck_is_not_asked_for_one(answer: dict[str, Any]) -> None:
    contract = read_contract()
    looking = observer.Observer(cast("Any", None), contract, cast("Any", None), CACHE)
    assert "healthcheck" not in looking._request(contract.images["dev"], ImageConfig.from_inspect(answer))["probes"]


def test_every_question_has_a_deadline_before_the_container_s() -> None:
    request = asked(["CMD", "true"])
    deadlines = [one["seconds"] for one in request["probes"].values()]
    assert max(deadlines) < observer.Deadlines().run


def test_a_request_is_json() -> None:
    assert json.loads(json.dumps(asked(["CMD", "true"])))["probes"]["healthcheck"]


@pytest.mark.parametrize(
    ("declared", "seconds"),
    [
        ({"Interval": 10 * 10**9, "Timeout": 5 * 10**9, "StartPeriod": 60 * 10**9, "Retries": 2}, 90.0),
        ({"Interval": 10 * 10**9, "Timeout": 5 * 10**9, "Retries": 2}, 30.0),
        ({"Test": ["CMD", "true"]}, 180.0),
        ({"Test": ["CMD", "true"], "Retries": 1, "StartPeriod": 0}, 60.0),
        ({}, 0.0),
        (None, 0.0),
    ],
)
def test_a_healthcheck_tells_of_a_server_after_its_start_period_and_all_tries(declared: Any, seconds: float) -> None:
    assert unhealthy_after(config({"Healthcheck": declared})) == seconds


@pytest.mark.parametrize(
    ("declared", "seconds"),
    [({"Timeout": 5 * 10**9}, 5.0), ({"Timeout": 86_400 * 10**9}, 30.0), ({"Timeout": 0}, 30.0), ({}, 30.0)],
)
def test_a_server_that_never_answers_is_waited_for_as_long_as_the_engine_does_and_half_a_minute_at_most(
    declared: dict[str, Any], seconds: float
) -> None:
    configured = config({"Healthcheck": {"Test": ["CMD", "true"], **declared}})
    contract = read_contract()
    looking = observer.Observer(cast("Any", None), contract, cast("Any", None), CACHE)
    request = looking._request(contract.images["backend"], configured)
    assert request["probes"]["healthcheck"]["argument"]["seconds"] == seconds == patience(configured)
    assert patience(config({})) == patience(config(None)) == 30.0


def test_an_image_without_a_configuration_never_tells() -> None:
    assert unhealthy_after(config({})) == unhealthy_after(config(None)) == 0.0
