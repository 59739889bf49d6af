"""Fills a data directory as use does: `python year.py OPERATIONS MODELS SERIES`, in the directory of KTRDR_DATA_DIR.

All is written by the backend's own code, in transactions of a thousand operations, and without waiting for the disk.
"""

import io
import json
import os
import sys
import time
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ktrdr.api.services.model_index import ModelIndex
from ktrdr.api.store import operations
from ktrdr.api.store.connection import Connection
from ktrdr.api.store.database import Database
from ktrdr.data.files import DataDirectory
from ktrdr.model_directory import ModelDirectory
from ktrdr.model_files import FILES, WEIGHTS, digest
from ktrdr.settings import Settings

TOGETHER: Final = 1000
DAYS: Final = 2000
"""Daily bars of each series: eight years."""
KINDS: Final[tuple[operations.OperationType, ...]] = (
    "training", "training", "backtesting", "training", "data_load", "backtesting", "training", "training",
)  # fmt: skip
ENDS: Final[tuple[operations.Status, ...]] = ("completed", "completed", "completed", "failed", "completed", "cancelled")
POINTS: Final = [{"timestamp": f"2023-01-02T{hour % 24:02}:00:00Z", "equity": 100_000.5 + hour} for hour in range(150)]
RESULTS: Final[dict[str, dict[str, Any]]] = {
    "training": {"model_path": "models/m", "training_metrics": {f"metric_{place}": 0.5 for place in range(40)}},
    "backtesting": {"equity_curve": POINTS, "metrics": {f"metric_{place}": 0.5 for place in range(40)}},
    "data_load": {"symbol": "EURUSD", "timeframe": "1h", "points": 6200},
}
ABOUT: Final = {"strategy_name": "mlp_fx_hourly", "symbols": ["EURUSD"], "timeframes": ["1h"]}


def main() -> None:
    """Fill the directory."""
    number, models, series = map(int, sys.argv[1:4])
    setattr(os, "fsync", lambda _handle: None)  # noqa: B010  whoever fills it can fill it again
    settings = Settings.from_environment()
    database = Database(settings.database)
    if problem := database.open():
        sys.exit(problem)
    _add_operations(database, number)
    _add_models(ModelIndex(database, ModelDirectory(settings.data_dir / "models")), models)
    _add_series(DataDirectory(settings.data_dir), series)
    database.close()


def _add_operations(database: Database, number: int) -> None:
    """Add operations that ended over the last year, evenly."""
    now = time.time()
    for first in range(0, number, TOGETHER):
        with database.transaction() as db:
            for place in range(first, min(number, first + TOGETHER)):
                _add_operation(db, place, now - 360 * 86_400 * (1 - place / number))


def _add_operation(db: Connection, place: int, moment: float) -> None:
    kind, end = KINDS[place % len(KINDS)], ENDS[place % len(ENDS)]
    name = operations.add(db, kind, {"strategy_name": "mlp_fx_hourly", "symbols": ["EURUSD"]}, moment)
    operations.begin(db, name, moment + 1)
    operations.advance(
        db, name, {"percentage": 100.0, "current_step": "done", "steps_completed": 30, "steps_total": 30}
    )
    error = ("training_failed", "No bar is left after the warm-up.") if end == "failed" else None
    operations.finish(db, name, end, moment + 60, error=error, result=RESULTS[kind] if end == "completed" else None)


def _add_models(index: ModelIndex, number: int) -> None:
    features = {"names": [f"feature_{place}" for place in range(40)], "means": [0.5] * 40, "deviations": [1.5] * 40}
    for place in range(number):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for name in FILES:
                document = {**ABOUT, **features, "created_at": "2024-01-01T00:00:00+00:00", "number": place}
                archive.writestr(name, bytes(10_000) if name == WEIGHTS else json.dumps(document))
        content = file.getvalue()
        index.directory.store(f"m{place:05}", content, digest(content))
        index.add(f"m{place:05}")


def _add_series(directory: DataDirectory, number: int) -> None:
    first = datetime(2016, 1, 1, tzinfo=UTC)
    days = [f"{first + timedelta(days=day):%Y-%m-%dT%H:%M:%SZ},1.1,1.2,1.05,1.15,{1000 + day}" for day in range(DAYS)]
    content = "\n".join(["timestamp,open,high,low,close,volume", *days, ""]).encode()
    for place in range(number):
        with directory.upload(f"S{place:04}", "1d") as upload:
            upload.feed(content)
            upload.finish()


if __name__ == "__main__":
    main()
