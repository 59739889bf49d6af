"""A worker's image whose server is healthy, and that cannot do what it is for."""

from tests.broken_images.fault import PACKAGE, Fault, as_root, into

CPU, GPU = "worker-cpu", "worker-gpu"
HERE = PACKAGE[CPU]
LOST = "raise RuntimeError('a library that it needs is lost')"
OTHER = """
import os
if os.environ.get("KTRDR_WORKER_TYPE") == "backtest":
    raise SystemExit(2)
"""


def instead(module: str, old: str, new: str) -> str:
    """Return the lines that change a text in a module; its bytecode, never checked again, has to go."""
    directory, _, name = f"{HERE}/{module}".rpartition("/")
    changed = f"grep -qF '{old}' {directory}/{name}.py\nsed -i 's/{old}/{new}/' {directory}/{name}.py"
    return as_root(f"{changed}\nrm -f {directory}/__pycache__/{name}.*")


def fault(name: str, lines: str, *says: str, base: str = CPU) -> Fault:
    return Fault(name, lines, "worker-types", role=base, base=base, says=says)


FAULTS = (
    Fault("an image without PyTorch is to do training", "", "worker-types", contract={"worker_types": ["training"]},
          says=("ModuleNotFoundError: No module named 'torch'",)),
    fault("the training pipeline cannot be imported, and no training is ever done",
          into("training/pipeline", LOST, at="top", base=CPU), "training: its work fails: RuntimeError: a library"),
    fault("the backtest worker's module cannot be imported", into("backtesting/backtest_worker", LOST, base=CPU),
          "backtest: its work fails: RuntimeError", "backtest: it does not start: RuntimeError: it ended"),
    fault("what decides in a backtest cannot be imported", into("decision/engine", LOST, base=CPU),
          "backtest: its work fails: RuntimeError"),
    fault("the GPU image's training pipeline cannot be imported",
          into("training/pipeline", LOST, at="top", base=GPU), "training: its work fails: RuntimeError", base=GPU),
    fault("what keeps a model in a file is gone", as_root(f"rm {HERE}/training/model_store.py"),
          "training: its work fails: ImportError", "backtest: its work fails"),
    fault("a training breaks off at its first step",
          instead("training/descent", "self._mean.lerp_(", "self._mean.lerps_("),
          "training: its work fails: AttributeError"),
    fault("a worker of one type ends as soon as it starts", into("worker/settings", OTHER, base=CPU),
          "backtest: it does not start: RuntimeError: it ended before it answered"),
    fault("a worker of one type takes itself for the other",
          instead("backtesting/backtest_worker", 'create_worker("backtest"', 'create_worker("training"'),
          "backtest: it says that it is training"),
    fault("a worker type has no module", instead("worker/__main__", '"backtest"', '"backtests"'),
          "backtest: it does not start"),
)  # fmt: skip
