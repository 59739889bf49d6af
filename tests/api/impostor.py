"""A worker without torch, as a process of its own: `python -m tests.api.impostor`, with a worker's settings."""

import sys
import time
from typing import Any

from ktrdr import torch_check
from ktrdr.worker import __main__ as worker
from ktrdr.worker.agent import Agent
from ktrdr.worker.application import application
from ktrdr.worker.backend import Backend
from ktrdr.worker.job import Job
from ktrdr.worker.settings import WorkerSettings
from tests.api.population import training_result


def work(job: Job) -> dict[str, Any]:
    """Work for three seconds."""
    for _ in range(30):
        job.check()
        time.sleep(0.1)
    return training_result(job.operation_id)


settings = WorkerSettings.from_environment()
app = application(Agent(settings, Backend(settings.api_url), {"gpu": False}, work))

if __name__ == "__main__":
    torch_check.require = lambda: None  # nothing is computed
    worker.MODULES[settings.worker_type] = "tests.api.impostor"
    sys.exit(worker.main())
