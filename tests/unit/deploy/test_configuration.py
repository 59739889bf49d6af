"""What an image may set: tables are joined, everything else is replaced, and what is empty allows nothing."""

from typing import Any

import pytest
from pydantic import ValidationError

from deploy.configuration import Bounds, Configuration, HealthcheckDemand
from tests.support.checkout import read_contract

COMMON = Configuration(
    user="1:1",
    working_directory="/home",
    environment={"A": "1", "B": "2"},
    labels={"x": "1"},
    ports=["1/tcp"],
    stop_signal="SIGINT",
)


def test_a_configuration_that_says_nothing_allows_nothing() -> None:
    assert not any(value for _, value in Configuration())


def test_variables_and_labels_are_added_and_replaced_by_name() -> None:
    both = COMMON.with_(Configuration(environment={"B": "3", "C": "4"}, labels={"y": "2"}))
    assert both.environment == {"A": "1", "B": "3", "C": "4"}
    assert both.labels == {"x": "1", "y": "2"}


def test_every_other_key_is_replaced_where_it_is_set() -> None:
    both = COMMON.with_(Configuration(ports=[], command=["serve"], working_directory="/app"))
    assert (both.ports, both.command, both.working_directory) == ([], ["serve"], "/app")
    assert (both.user, both.stop_signal, both.environment) == ("1:1", "SIGINT", COMMON.environment)


def test_neither_of_the_two_changes() -> None:
    before = COMMON.model_copy(deep=True)
    COMMON.with_(Configuration(environment={"C": "3"}))
    assert before == COMMON


def test_each_image_has_its_own_role_description_and_title() -> None:
    contract = read_contract()
    for role, image in contract.images.items():
        labels = contract.configuration_of(image).labels
        assert (labels["ktrdr.role"], labels["org.opencontainers.image.description"]) == (role, image.description)
        assert labels["org.opencontainers.image.title"] == image.name.partition(":")[0]


@pytest.mark.parametrize(("least", "most", "valid"), [(1, 1, True), (0, 0.5, True), (2, 1, False), (-1, 1, False)])
def test_bounds_are_in_order_and_not_negative(least: float, most: float, *, valid: bool) -> None:
    try:
        Bounds(at_least=least, at_most=most)
    except ValidationError:
        assert not valid
    else:
        assert valid


def test_the_numbers_of_a_health_check_are_its_bounds_and_not_its_words() -> None:
    bounds: dict[str, Any] = dict.fromkeys(("interval", "timeout", "start_period", "start_interval", "retries"))
    bounds = {name: Bounds(at_least=1, at_most=2) for name in bounds}
    assert HealthcheckDemand(command=["ask"], **bounds).numbers == bounds
