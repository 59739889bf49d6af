"""The checks on the images at work together: what each is for, and what to do where it fails."""

from verify.checks import Check

_WORKER = "See artifacts/e2e/logs/ for the worker's side and ktrdr/worker/ for its code"
_DISPATCH = "See the operations in artifacts/e2e/observed.json, and ktrdr/api/services/dispatch.py"

_ALL = [
    Check("verified-images", "The images are those that were verified, and every container ran one of them", "ENVIRONMENT", "./noxw -s build verify e2e"),
    Check("workers/startup-registration", "Within 30 s the backend is healthy and a worker of each type is registered", "CODE_BUG", _WORKER),
    Check("workers/misplaced", "A worker in the production image stops by itself, naming the images to use, unregistered", "CODE_BUG", "See ktrdr/torch_check.py, and what the container printed"),
    Check("data/sample", "A year of hourly bars is made in the production image and uploaded over HTTP", "CODE_BUG", "See what `ktrdr data sample --upload` printed"),
    Check("training/smoke", "A year of hourly bars trains to completed in under 60 s, and learns something but not everything", "CODE_BUG", _WORKER),
    Check("training/repeatable", "The same seed gives the same metrics twice, time aside", "CODE_BUG", "Find what is random without the strategy's seed in ktrdr/training/"),
    Check("backtest/smoke", "Another worker loads the model and trades bars that the training never saw; its return is what its fills and costs come to", "CODE_BUG", "See the trades in artifacts/e2e/observed.json, and ktrdr/backtesting/"),
    Check("operations/cancel", "A training that is cancelled stops within 2 s, and its worker is free again", "CODE_BUG", _WORKER),
    Check("backend/restart", "A backend that is killed comes back with operations, queue and models; its workers are back within 15 s", "CODE_BUG", _DISPATCH),
    Check("workers/killed", "A worker killed in its work: the operation is failed with worker_lost within 15 s", "CODE_BUG", _DISPATCH),
    Check("operations/queue", "Ten trainings asked for at once, two workers: all complete, in order, none lost, none twice", "CODE_BUG", _DISPATCH),
    Check("workers/terminated", "A worker told to end cancels and reports its operation, and is gone within 10 s", "CODE_BUG", _WORKER),
    Check("containers/logs", "No container logs an error", "CODE_BUG", "See the lines below, and artifacts/e2e/logs/"),
]  # fmt: skip

CHECKS = {check.name: check for check in _ALL}
