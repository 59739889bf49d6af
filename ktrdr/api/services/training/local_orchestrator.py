"""Trains in this process, for `ktrdr train --here`. The specification names this module; the API does not use it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ktrdr.data.bars import Bars, parse_range
from ktrdr.data.files import DataDirectory
from ktrdr.data.resample import told
from ktrdr.strategy.files import StrategyDirectory


class LocalOrchestrator:
    """Trains from the data directory, without a worker."""

    def __init__(self, strategies: StrategyDirectory, data: DataDirectory) -> None:
        self._strategies = strategies
        self._data = data

    def run(
        self,
        strategy_name: str,
        directory: Path,
        *,
        start_date: str | None = None,
        end_date: str | None = None,
        progress: Callable[[float, str, int, int], None] = lambda *_: None,
        check: Callable[[], None] = lambda: None,
    ) -> dict[str, Any]:
        """Train a strategy into an existing empty directory and return the summary.

        KtrdrError for an unusable strategy or data, ImportError if torch is not installed.
        """
        from ktrdr.training import pipeline  # noqa: PLC0415  needs torch
        from ktrdr.training.features import order  # noqa: PLC0415
        from ktrdr.training.history import collector, end_of, history_of  # noqa: PLC0415

        strategy = self._strategies.load(strategy_name)
        wanted = strategy.training_data
        document = self._strategies.document(strategy_name)
        since, end = parse_range(start_date, end_date)
        finest = order(wanted.timeframes)[0]

        warnings: list[str] = []

        def read(symbol: str, timeframe: str) -> Bars:
            source = self._data.source(symbol, timeframe)
            before, stop = history_of(strategy, timeframe, source), end_of(timeframe, finest, end, source)
            start = None
            if since is not None and before is not None:
                start = self._data.bars_before(symbol, source, since, before)
            bars = collector(source, timeframe)()
            bars.add(self._data.read(symbol, source, start, stop))
            warnings.extend(told(symbol, {timeframe: source}) if source != timeframe else ())
            return bars.finish()

        bars: dict[str, dict[str, Bars]] = {
            symbol: {timeframe: read(symbol, timeframe) for timeframe in wanted.timeframes} for symbol in wanted.symbols
        }
        summary = pipeline.run(strategy, document, bars, directory, since=since, progress=progress, check=check)
        return {**summary, "warnings": warnings + summary["warnings"]}
