"""Documents of a contract: the shipped one, and the same with a key changed."""

import tomllib
from typing import Any

from deploy import contract_file
from deploy.contract import Contract
from tests.support.checkout import CONTRACT_FILE

SHIPPED = CONTRACT_FILE.read_text(encoding="utf-8")


def shipped() -> dict[str, Any]:
    return tomllib.loads(SHIPPED)


def with_value(key: str, value: Any) -> dict[str, Any]:
    """The shipped contract's document with one key set, or removed where the value is None."""
    document: dict[str, Any] = shipped()
    *parents, last = key.split(".")
    table: dict[str, Any] = document
    for name in parents:
        table = table[name]
    if value is None:
        del table[last]
    else:
        table[last] = value
    return document


def contract_of(document: dict[str, Any]) -> Contract:
    """The contract that a right document is."""
    return Contract.model_validate(contract_file._with_roles(document))
