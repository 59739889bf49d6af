"""What the routes share: settings, stores and services, made once per application."""

import contextlib
import logging
import time
from typing import Annotated, Final

from fastapi import Depends, Request

from ktrdr.api.services.backtest_service import BacktestService
from ktrdr.api.services.checkpoints import Checkpoints
from ktrdr.api.services.data_loads import DataLoads
from ktrdr.api.services.dispatch import Dispatcher
from ktrdr.api.services.held import Held
from ktrdr.api.services.indicator_service import IndicatorService
from ktrdr.api.services.model_index import ModelIndex
from ktrdr.api.services.prediction_service import PredictionService
from ktrdr.api.services.records import Records
from ktrdr.api.services.training_service import TrainingService
from ktrdr.api.services.upkeep import Upkeep
from ktrdr.api.store.connection import StoreError
from ktrdr.api.store.database import Database
from ktrdr.backup import place
from ktrdr.data.files import DataDirectory
from ktrdr.disk import full
from ktrdr.errors import KtrdrError
from ktrdr.model_directory import ModelDirectory
from ktrdr.record_directory import RecordDirectory
from ktrdr.settings import SHIPPED_STRATEGIES, Settings
from ktrdr.store_address import SqliteFile
from ktrdr.strategy.files import StrategyDirectory
from ktrdr.web.metrics_text import RequestMetrics

log = logging.getLogger(__name__)

SWEEP_EVERY_S: Final = 20.0


class Context:
    """Everything that an application owns. Creating it touches no file; `open` does."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.started = time.monotonic()
        self._swept: float | None = None
        file = settings.database.path if isinstance(settings.database, SqliteFile) else None
        self._claim = place.Claim(settings.data_dir, file)
        self.refusal: str | None = None
        self.database = Database(settings.database)
        self._opening = self.database.openings
        self.data = DataDirectory(settings.data_dir)
        self.models = ModelIndex(self.database, ModelDirectory(settings.data_dir / "models"))
        self.strategies = StrategyDirectory(SHIPPED_STRATEGIES, settings.data_dir / "strategies")
        self.dispatcher = Dispatcher(self.database, retry_on_shutdown=settings.retry_on_shutdown)
        self.held = Held(self.database)
        self.records = Records(self.database, self.held, RecordDirectory(settings.data_dir / "records"))
        self.checkpoints = Checkpoints(self.database, self.held, settings.data_dir / "checkpoints")
        self.data_loads = DataLoads(self.database)
        self.trainings = TrainingService(self.dispatcher, self.strategies, self.data)
        self.backtests = BacktestService(self.dispatcher, self.strategies, self.data, self.models)
        sweeps = (self.records.sweep, self.checkpoints.sweep)
        self.upkeep = Upkeep(self.database, settings.kept_days, settings.kept_operations, sweeps)
        self.predictions = PredictionService(self.dispatcher, self.strategies, self.data, self.models)
        self.indicators = IndicatorService(self.data)
        self.metrics = RequestMetrics()

    def full(self) -> str | None:
        """Return that the disk is full, and the next step; None if there is room."""
        places = [self.settings.data_dir]
        if isinstance(self.settings.database, SqliteFile):
            places.append(self.settings.database.path.parent)
        return full(*places)

    def open(self) -> None:
        """Open the store. A failure is not raised: the health route reports it, and `tick` tries again."""
        self.started = time.monotonic()
        self.tick()

    def close(self) -> None:
        """Close the store."""
        self.upkeep.close()
        self.database.close()
        self._claim.release()

    def tick(self) -> None:
        """Do the periodic work, and open a store that could not be opened before."""
        if not self._claimed():
            return
        self._sweep()
        if self.database.open() is not None or self.database.check() is not None:
            return
        with contextlib.suppress(KtrdrError, StoreError, OSError):
            if self._opening != self.database.openings:
                self.upkeep.examine()
                self.dispatcher.start()
                self._opening = self.database.openings
            self.dispatcher.tick()
            self.models.refresh()
            self.upkeep.tick()

    def _claimed(self) -> bool:
        """Keep the data directory from being restored beside this backend; False, with `refusal`, if it just is."""
        try:
            self.refusal = None if self._claim.take() else "a backup is being restored; wait for its end"
        except OSError as error:
            log.exception("the interrupted restore cannot be ended")
            self.refusal = f"a restore was interrupted, and cannot be ended: {error.strerror}; the log tells more"
        return self.refusal is None

    def _sweep(self) -> None:
        """Remove the files of interrupted uploads, at the start and soon after: the latest are too young at first."""
        now = time.monotonic()
        if self._swept is not None and now - self._swept < SWEEP_EVERY_S:
            return
        self._swept = now
        with contextlib.suppress(OSError):
            self.data.sweep()
            self.models.directory.sweep()
            self.records.directory.sweep()
            place.sweep(self.settings.data_dir)
            self.strategies.sweep()


async def get_context(request: Request) -> Context:
    """Return the context of the application that received a request; not in a thread, whose start costs more."""
    context: Context = request.app.state.context
    return context


ContextDep = Annotated[Context, Depends(get_context)]
