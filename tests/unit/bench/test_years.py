"""The simulated year is written by the backend's own code, and what is asked of it is told with its unit."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.groups import years
from bench.inside import lists, year
from ktrdr.api.context import Context
from ktrdr.api.store import operations
from ktrdr.settings import Settings


@pytest.fixture
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KTRDR_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["year.py", "60", "3", "2"])
    monkeypatch.setattr(os, "fsync", os.fsync)  # what it replaces comes back
    monkeypatch.setattr(year, "DAYS", 20)
    year.main()
    return tmp_path


def test_the_year_s_operations_models_and_series_are_those_that_a_backend_lists(filled: Path) -> None:
    context = Context(Settings.from_environment({"KTRDR_DATA_DIR": str(filled)}))
    context.open()
    with context.database.transaction() as db:
        _, total = operations.page(db, status=None, kind=None, limit=1, offset=0)
        kinds = {(kind, status) for kind, status, _ in operations.counts(db)}
    _, models, _ = context.models.page(10, 0)
    series = context.data.series()
    context.close()
    assert (total, models, [one.points for one in series]) == (60, 3, [20, 20])
    assert {kind for kind, _ in kinds} == {"training", "backtesting", "data_load"}
    assert {status for _, status in kinds} == {"completed", "failed", "cancelled"}


def test_a_backend_on_it_is_asked_for_every_list(filled: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    script = Path(lists.__file__).read_text(encoding="utf-8").replace(":8000", f":{port}")
    command = [sys.executable, "-m", "uvicorn", "ktrdr.api.main:app", "--port", str(port)]
    asked = subprocess.run(
        [sys.executable, "-", "2", *command], input=script, check=True, capture_output=True, text=True, timeout=60
    )
    found = json.loads(asked.stdout)
    assert [*found] == ["start", *lists.FIRST, *lists.LISTS, "memory"]
    assert all(value > 0 for value in found.values())
    assert filled


@pytest.mark.parametrize(
    ("name", "shown", "unit"),
    [("start", "start to healthy", "s"), ("memory", "peak memory", "MB"), ("models", "list of models", "ms")],
)
def test_a_figure_stands_beside_the_first_day_s(name: str, shown: str, unit: str) -> None:
    figure = years._figure(name, [2.0, 3.0, 9.0], [2.0])
    assert (figure.name, figure.unit, figure.ratio) == (f"a year of use: {shown}", unit, 1.5)
    assert figure.reached is False
    assert years._figure(name, [2.0], [2.0]).reached is True


def test_the_first_list_of_series_has_a_goal_of_its_own() -> None:
    figure: Any = years._figure("series, first answer", [501.0], [2.0])
    assert (figure.other, figure.reached) == (None, False)
