"""A contract that knows of an image only what no image tells, and the table that `describe` prints for it."""

import tomllib
from typing import Any

from deploy.configuration import Configuration
from deploy.contract import Contract
from deploy.contract_file import contract_mistakes
from tests.support.checkout import CONTRACT_FILE

BUDGETS = ("added_at_most", "total_at_most")
UNTOLD_PYTORCH = ("torch_builds", "gpu_architectures")  # of a CUDA build without a label: only running it tells
NOTHING: dict[str, Any] = {
    "description": "not written yet", "torch_expected": False, "cuda_expected": "n/a", "torch_builds": [],
    "gpu_architectures": [], "added_at_most": 1, "total_at_most": 1, "health": "http://127.0.0.1:1/", "writable": [],
    "packages": [], "files": {}, "configuration": Configuration(),
}  # fmt: skip


def knowing_nothing(contract: Contract, role: str) -> Contract:
    """The contract before anybody described this role's image."""
    image = contract.images[role].model_copy(update=NOTHING)
    return contract.model_copy(update={"images": {**contract.images, role: image}})


def document() -> dict[str, Any]:
    """The contract's file."""
    return tomllib.loads(CONTRACT_FILE.read_text(encoding="utf-8"))


def of_the_contract(role: str) -> dict[str, Any]:
    """A role's table in the contract's file, without its budgets."""
    table: dict[str, Any] = document()["images"][role]
    return {key: value for key, value in table.items() if key not in BUDGETS}


def told(printed: str, role: str) -> tuple[dict[str, Any], dict[str, str]]:
    """The table that was printed, and apart from it its budgets."""
    read = tomllib.loads(printed)
    assert read.keys() == {"images"}
    assert read["images"].keys() == {role}
    table = read["images"][role]
    return table, {key: table.pop(key) for key in BUDGETS}


def mistakes_with(printed: str) -> list[str]:
    """What is wrong with the contract once the printed tables stand in the place of its own."""
    whole = document()
    whole["images"] |= tomllib.loads(printed)["images"]
    return contract_mistakes(whole)


def without_reasons(table: dict[str, Any]) -> dict[str, Any]:
    """A table whose lines for files have no reason yet."""
    return with_reasons(table, "") if "files" in table else table


def with_reasons(table: dict[str, Any], reason: str) -> dict[str, Any]:
    """A table whose lines for files have this reason where they have another or none."""
    files = {
        path: reason if isinstance(line, str) else {**line, "reason": reason}
        for path, line in table.get("files", {}).items()
    }
    return {**table, "files": files}
