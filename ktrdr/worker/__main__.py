"""Start the worker that KTRDR_WORKER_TYPE names: `python -m ktrdr.worker`."""

import contextlib
import gc
import importlib
import sys
from typing import Final

from ktrdr import torch_check
from ktrdr.errors import SettingError
from ktrdr.worker.settings import WorkerSettings

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
    import uvicorn  # noqa: PLC0415  without a working torch it is not needed

    app = importlib.import_module(MODULES[settings.worker_type]).app
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host="0.0.0.0",  # noqa: S104  it serves its container's network
            port=settings.port,
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
