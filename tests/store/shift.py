"""A worker without torch, as a process of its own: `python -m tests.store.shift`, with a worker's settings.

It registers, beats, leaves and ends as every worker does; what it computes is pretended. A training keeps a checkpoint,
and goes on where it finds one.
"""

import json
import os
import sys
import threading
from typing import Any

from ktrdr import torch_check
from ktrdr.names import model_name
from ktrdr.worker import __main__ as worker
from ktrdr.worker.agent import Agent
from ktrdr.worker.application import application
from ktrdr.worker.backend import Backend
from ktrdr.worker.checkpoints import Checkpoints
from ktrdr.worker.job import Job
from ktrdr.worker.settings import WorkerSettings

MANNER = "MANNER"
"""An environment variable: work that is `endless`, that is `deaf` to its end, too, or that is done at once."""
RESULT = "RESULT"
"""An environment variable: what the work comes to, as JSON."""
KEPT = b"epoch 2"


def work(job: Job) -> dict[str, Any]:
    """Keep a checkpoint of a training, then work on for ever; or end with a result at once."""
    keeper, found = Checkpoints(job), None
    if job.operation_type == "training":
        found = keeper.found()
        if found is None:
            keeper.keep(KEPT)
            keeper.wait(10)
    job.report(40, "epoch 2 of 5", 2, 5)
    manner = os.environ.get(MANNER)
    while manner == "endless":
        job.pause(0.02)
    if manner == "deaf":
        threading.Event().wait()
    result: dict[str, Any] = json.loads(os.environ[RESULT])
    if job.operation_type == "training":
        result["model_path"] = f"models/{model_name(job.request['strategy_name'], job.operation_id)}"
        result["resumed_after_epoch"] = int(found[-1:]) if found else None
    return result


settings = WorkerSettings.from_environment()
app = application(Agent(settings, Backend(settings.api_url), {"gpu": False}, work))

if __name__ == "__main__":
    torch_check.require = lambda: None  # nothing is computed
    worker.MODULES[settings.worker_type] = "tests.store.shift"
    sys.exit(worker.main())
