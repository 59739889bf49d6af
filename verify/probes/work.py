"""Small pieces of ktrdr's own work: a training, and a backtest of its model, on made-up bars, without the API."""

from importlib import import_module as of  # of the image, when it is needed

BARS = 600  # of an hour: the smallest part keeps a few dozen samples
SYMBOL, TIMEFRAME = "EURUSD", "1h"
NO_DATES = {"start_date": None, "end_date": None}
STRATEGY = {
    "name": "probe",
    "version": "3.0",
    "training_data": {"symbols": [SYMBOL], "timeframes": [TIMEFRAME], "history_required": 20},
    "indicators": {"rsi_14": {"type": "rsi", "parameters": {"period": 14}}},
    "fuzzy_sets": {"momentum": {"indicator": "rsi_14", "low": [0, 25, 50], "high": [50, 75, 100]}},
    "nn_inputs": [{"fuzzy_set": "momentum", "timeframes": "all"}, {"indicator": "rsi_14", "timeframes": "all"}],
    "model": {"type": "mlp", "architecture": {"hidden_layers": [8], "dropout": 0.0, "activation": "tanh"}},
    "decisions": {"confidence_threshold": 0.3},
    "training": {
        "epochs": 3, "batch_size": 64, "learning_rate": 0.01, "patience": 3, "seed": 1,
        "labels": {"type": "forward_return", "horizon": 3, "threshold": 0.0005},
    },
}  # fmt: skip


class Backend:
    """Holds bars and a model, in the place of the API."""

    def __init__(self):
        self.archive, self.series = b"", of("ktrdr.data.sample").generate().between(0, BARS)

    def patient(self, *_):
        """Return what waits for a backend's restarts: this one has none."""
        return self

    def bars(self, _symbol, _timeframe, _start, _end, **_options):
        """Return all bars, whatever is asked for."""
        return self.series

    def checkpoint(self, _operation_id):
        """Return what a training would go on from: it begins."""

    def keep_checkpoint(self, _operation_id, _content):
        """Keep nothing: no worker is lost here."""

    def upload_model(self, name, archive):
        """Keep a model."""
        self.archive = archive
        return f"models/{name}"

    def upload_record(self, _operation_id, record):
        """Take all pieces of a backtest's record, and keep none."""
        for _ in record:
            pass

    def download_model(self, _name):
        """Return the model that was kept last, and its digest."""
        return self.archive, of("ktrdr.model_files").digest(self.archive)


def train(backend):
    """Train as a worker does; returns the summary of the result."""
    asked = {"symbols": [SYMBOL], "timeframes": [TIMEFRAME], "strategy": STRATEGY, "strategy_name": STRATEGY["name"]}
    return _done(of("ktrdr.training.training_worker").train, asked, backend)


def backtest(backend):
    """Train a model, and run a backtest of it as a worker does; returns the summary of the result."""
    train(backend)
    asked = {"model": "probe", "symbol": SYMBOL, "timeframe": TIMEFRAME}
    asked |= {"initial_capital": 10000.0, "commission": 0.0, "slippage": 0.0}
    return _done(of("ktrdr.backtesting.backtest_worker").backtest, asked, backend)


def trained():
    """Train; return the first and last loss, and the devices on which matrices were multiplied, forward and back.

    The operations themselves are listened to: a training may compute its gradients without modules and autograd.
    """
    from torch import ops
    from torch.utils._python_dispatch import TorchDispatchMode

    devices = set()

    class Noted(TorchDispatchMode):
        def __torch_dispatch__(self, operation, _types, arguments=(), options=None):
            result = operation(*arguments, **(options or {}))
            if operation.overloadpacket in (ops.aten.mm, ops.aten.addmm):
                devices.add(str(result.device))
            return result

    with Noted():
        figures = train(Backend())["training_metrics"]
    return [figures["first_train_loss"], figures["final_train_loss"]], devices


def _done(work, asked, backend):
    return work(
        of("ktrdr.worker.job").Job(
            {"operation_id": "op_training_probe", "request": asked | NO_DATES}, backend, lambda: None
        )
    )
