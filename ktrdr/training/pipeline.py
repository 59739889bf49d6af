"""A whole training, from bars to a model directory and a summary."""

import hashlib
import json
import logging
from array import array
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import torch  # type: ignore[import-not-found,unused-ignore]  # torch is installed where one computes

from ktrdr.data.bars import iso
from ktrdr.epochs import Epoch
from ktrdr.errors import InvalidError
from ktrdr.neural.models.mlp import build_mlp, count_parameters
from ktrdr.neural.threads import set_threads
from ktrdr.settings import version
from ktrdr.signals import Signal
from ktrdr.strategy.schema import Strategy
from ktrdr.training import checkpoint, dataset, judgement, model_store, trainer
from ktrdr.training.checkpoint import Keeper, State

log = logging.getLogger(__name__)

Progress = Callable[[float, str, int, int], None]
"""Called with percentage, current step, steps completed and steps in all."""

PREPARED: Final = 5.0
TRAINED: Final = 95.0
METRICS: Final = ("training_metrics", "test_metrics", "label_counts", "warnings")


def run(
    strategy: Strategy,
    document: dict[str, Any],
    bars: dataset.BySymbol,
    directory: Path,
    *,
    progress: Progress,
    check: Callable[[], None],
    since: int | None = None,
    split: dataset.Split | None = None,
    keeper: Keeper | None = None,
    record: Callable[[Sequence[Epoch]], None] = lambda _: None,
) -> dict[str, Any]:
    """Train `strategy` (whose YAML `document` is kept with the model) on `bars`, in parts of 70/15/15 % or `split`.

    Bars before `since` (epoch seconds) are for the indicators only. Writes the model into the existing empty
    `directory` and returns training_metrics, test_metrics, model_info, data_summary, label_counts, warnings and
    resumed_after_epoch: None unless `keeper` had a checkpoint to go on from. `check` is called often and may raise to
    stop; `record` is called after each epoch, with all so far. BadRequestError if there is too little data.
    """
    progress(PREPARED, "preparing features", 0, strategy.training.epochs)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    data = dataset.build(strategy, bars, split, since=since, check=check)
    network = _network(strategy, data, device)
    made_of = _origin(document, bars, since, split, check)
    begin = _found(keeper, made_of, network)

    def on_state(state: Callable[[], State]) -> None:
        if keeper is not None and keeper.due():
            keeper.keep(checkpoint.dump(state(), made_of))

    history = trainer.train(
        network, data, strategy.training, device=device, check=check, begin=begin, on_state=on_state,
        on_epoch=_told(progress, record, strategy.training.epochs, begin),
    )  # fmt: skip
    progress(TRAINED, "testing", len(history.val_loss), strategy.training.epochs)
    test_metrics, predicted = trainer.test(network, data, device)
    summary: dict[str, Any] = {
        "training_metrics": _training_metrics(history, data),
        "test_metrics": test_metrics,
        "model_info": _model_info(strategy, network, data, device),
        "data_summary": _data_summary(bars, data, since),
        "label_counts": _label_counts(data, predicted),
        "warnings": judgement.nothing_learnt(predicted, data.test.labels),
        "resumed_after_epoch": begin.epoch if begin is not None else None,
    }
    about = _metadata(strategy, made_of["series of bars"], summary["data_summary"])
    metrics = {key: summary[key] for key in METRICS}
    model_store.save(directory, network, data, config=_config(strategy, document), metrics=metrics, metadata=about)
    return summary


def _network(strategy: Strategy, data: dataset.Dataset, device: str) -> Any:
    """Return the strategy's network, as its seed draws it, with the threads that are worthwhile for it."""
    torch.manual_seed(strategy.training.seed)
    shape = strategy.model.architecture
    network = build_mlp(len(data.names), shape.hidden_layers, shape.dropout, shape.activation).to(device)
    set_threads(network, strategy.training.batch_size)
    return network


def _told(
    progress: Progress, record: Callable[[Sequence[Epoch]], None], epochs: int, begin: State | None
) -> Callable[[int, trainer.History], None]:
    """Say where the training begins, and return what says it after each epoch."""
    if begin is not None:
        progress(_share(begin.epoch, epochs), f"going on after epoch {begin.epoch} of {epochs}", begin.epoch, epochs)

    def on_epoch(epoch: int, history: trainer.History) -> None:
        step = f"epoch {epoch} of {epochs}: validation loss {history.val_loss[-1]:.4f}"
        progress(_share(epoch, epochs), step, epoch, epochs)
        record(history.epochs())

    return on_epoch


def _share(epoch: int, epochs: int) -> float:
    return PREPARED + (TRAINED - PREPARED) * epoch / epochs


def _origin(
    document: dict[str, Any],
    bars: dataset.BySymbol,
    since: int | None,
    split: dataset.Split | None,
    check: Callable[[], None],
) -> dict[str, str]:
    """Return what a checkpoint was made of: a training on something else does not go on from it."""
    asked = json.dumps([document, since, asdict(split) if split else None], sort_keys=True)
    return {
        "series of bars": fingerprint(bars, check),
        "strategy": hashlib.sha256(asked.encode()).hexdigest(),
        "version of torch": str(torch.__version__).partition("+")[0],
    }


def _found(keeper: Keeper | None, made_of: dict[str, str], network: Any) -> State | None:
    """Return the state from which to go on; None where there is none that fits, which is logged."""
    content = keeper.found() if keeper is not None else None
    try:
        return checkpoint.load(content, made_of, network) if content is not None else None
    except InvalidError as error:
        log.warning("%s The training begins anew.", error)
        return None


def fingerprint(bars: dataset.BySymbol, check: Callable[[], None] = lambda: None) -> str:
    """Return the SHA-256 of bars, the same for the same symbols, timeframes, times and values.

    `check` is called before each column and may raise to stop.
    """
    sum_ = hashlib.sha256()
    for symbol in sorted(bars):
        for timeframe in sorted(bars[symbol]):
            series = bars[symbol][timeframe]
            sum_.update(repr((symbol, timeframe, len(series))).encode())
            for column in (series.times, series.opens, series.highs, series.lows, series.closes, series.volumes):
                check()
                sum_.update(array("d", column))  # a float holds every time to the second
    return sum_.hexdigest()


def _model_info(strategy: Strategy, network: Any, data: dataset.Dataset, device: str) -> dict[str, Any]:
    return {
        **strategy.model.flat(),
        "parameter_count": count_parameters(network),
        "feature_count": len(data.names),
        "feature_names": data.names,
        "classes": [signal.name for signal in Signal],
        "device": device,
    }


def _label_counts(data: dataset.Dataset, predicted: list[int]) -> dict[str, Any]:
    parts = {"training": data.training, "validation": data.validation, "test": data.test}
    counts = {name: judgement.counts(part.labels) for name, part in parts.items()}
    return {**counts, "test_predicted": judgement.counts(predicted)}


def _training_metrics(history: trainer.History, data: dataset.Dataset) -> dict[str, Any]:
    return {
        "epochs_trained": len(history.train_loss),
        "best_epoch": history.best_epoch,
        "first_train_loss": history.train_loss[0],
        "final_train_loss": history.train_loss[-1],
        "final_train_accuracy": history.train_accuracy[-1],
        "train_majority_share": judgement.majority_share(data.training.labels),
        "final_val_loss": history.val_loss[-1],
        "final_val_accuracy": history.val_accuracy[-1],
        "val_majority_share": judgement.majority_share(data.validation.labels),
        "training_time": history.seconds,
    }


def _data_summary(bars: dataset.BySymbol, data: dataset.Dataset, since: int | None) -> dict[str, Any]:
    times = [dataset.times_of(by_timeframe, since) for by_timeframe in bars.values()]
    return {
        "symbols": list(bars),
        "timeframes": list(next(iter(bars.values()))),
        "start_date": iso(min(one[0] for one in times if one)),
        "end_date": iso(max(one[-1] for one in times if one)),
        "total_samples": data.total,
        "training_samples": len(data.training.rows),
        "validation_samples": len(data.validation.rows),
        "test_samples": len(data.test.rows),
        "feature_count": len(data.names),
    }


def _config(strategy: Strategy, document: dict[str, Any]) -> dict[str, Any]:
    return {
        "model": strategy.model.flat(),
        "confidence_threshold": strategy.decisions.confidence_threshold,
        "classes": [signal.name for signal in Signal],
        "strategy": document,
    }


def _metadata(strategy: Strategy, data_sha256: str, about: dict[str, Any]) -> dict[str, Any]:
    return {
        "strategy_name": strategy.name,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "ktrdr_version": version(),
        "data_sha256": data_sha256,
        **{key: about[key] for key in ("symbols", "timeframes", "start_date", "end_date")},
    }
