"""Start the worker that KTRDR_WORKER_TYPE names: `python -m ktrdr.worker`."""

import contextlib
import gc
import importlib
import sys
from typing import TYPE_CHECKING, Final

from ktrdr import torch_check
from ktrdr.errors import SettingError
from ktrdr.worker.settings import WorkerSettings

if TYPE_CHECKING:
    from fastapi import FastAPI

MODULES: Final = {
    "training": "ktrdr.training.training_worker",
    "backtest": "ktrdr.backtesting.backtest_worker",
}
SHUTDOWN_S: Final = 2


def main() -> int:
    """Serve until stopped; return 2 for a wrong setting, 1 if another worker has this name or torch fails."""
    try:
        settings = WorkerSettings.from_environment()
    except SettingError as error:
        print(error, file=sys.stderr)
        return 2
    torch_check.require()
    return serve(importlib.import_module(MODULES[settings.worker_type]).app, settings.port)


def serve(app: "FastAPI", port: int) -> int:
    """Serve a worker's application until stopped; return 1 if it could not start, or if another has its name."""
    import uvicorn  # noqa: PLC0415  without a working torch it is not needed

    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host="0.0.0.0",  # noqa: S104  it serves its container's network
            port=port,
            access_log=False,
            timeout_graceful_shutdown=SHUTDOWN_S,
        )
    )
    agent = app.state.agent

    def stop() -> None:
        server.should_exit = True

    agent.when_replaced = stop
    with contextlib.suppress(KeyboardInterrupt):  # it has been heeded: the server has stopped
        server.run()
    gc.freeze()  # to collect PyTorch's garbage once more takes half a second of a processor at the end
    return 0 if server.started and not agent.replaced else 1


if __name__ == "__main__":
    sys.exit(main())
