"""`describe` prints the contract's own table of each image, from the image, and says what to do where there is none."""

import subprocess
import sys

import pytest

from deploy.errors import Exit
from deploy.sizes import parse_bytes
from tests.integration.conftest import Checkout, Images, execute
from tests.support.checkout import ROOT, project_with, read_contract
from tests.support.describing import (
    UNTOLD_PYTORCH,
    document,
    knowing_nothing,
    mistakes_with,
    of_the_contract,
    told,
    without_reasons,
)
from verify.commands.describe import describe

EACH = pytest.mark.parametrize("role", read_contract().roles)


@EACH
def test_the_table_printed_takes_the_place_of_the_contract_s(images: Images, role: str) -> None:
    images.need(role)
    words = [sys.executable, "-m", "verify", "describe", role, "--artifacts", str(images.artifacts.root)]
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == Exit.OK, ended.stderr
    table, budgets = told(ended.stdout, role)
    assert table == of_the_contract(role)
    assert mistakes_with(ended.stdout) == []
    due = document()["images"][role]
    assert parse_bytes(budgets["added_at_most"]) == pytest.approx(parse_bytes(due["added_at_most"]), rel=0.03)
    assert parse_bytes(budgets["total_at_most"]) <= parse_bytes(due["total_at_most"]) * 1.03  # for a larger base


@EACH
def test_nobody_has_written_anything_that_the_image_tells(
    images: Images, role: str, capsys: pytest.CaptureFixture[str]
) -> None:
    images.need(role)
    capsys.readouterr()
    contract = knowing_nothing(images.contract, role)
    assert describe(project_with(images.artifacts, contract), [contract.images[role]], images.engine) == Exit.OK
    printed = capsys.readouterr().out
    untold = UNTOLD_PYTORCH if images.contract.images[role].torch == "cuda" else ()
    assert told(printed, role)[0] == without_reasons(of_the_contract(role)) | {key: [] for key in untold}
    assert [line.partition(" =")[0] for line in mistakes_with(printed) if "10 letters or more" in line] == [
        f"images.{role}.files.{path}.reason" for path in of_the_contract(role).get("files", {})
    ]


def test_an_image_that_is_not_there_is_exit_3_with_what_to_run(images: Images, checkout: Checkout) -> None:
    words = ("-m", "verify", "describe", "backend", "--artifacts", str(images.artifacts.root))
    ended = execute(sys.executable, *words, cwd=checkout.directory)
    assert ended.code == Exit.UNAVAILABLE, ended
    name = checkout.name("backend")
    assert f"describing backend: no image {name} on the engine" in ended.printed
    assert "next: ./noxw -s build -- backend" in ended.printed
    assert "Traceback" not in ended.printed
    assert images.left_by(ended.pid) == []
