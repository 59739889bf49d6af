"""The checks: what each is for, and what the specifications and the design say of its failure.

One table, so that findings and documentation use the same words. Judging lies in verify.judge.judge.
"""

from dataclasses import dataclass

from verify.judge.verdict import Category


@dataclass(frozen=True)
class Check:
    """One check: its name, what it is for, and category and suggested action where it fails."""

    name: str
    purpose: str
    category: Category
    action: str


_BUILD_AGAIN = "Run `./noxw -s build -- {role}` again, then verify"

_ALL = [
    # The subject
    Check("image-present", "The image is on the engine", "ENVIRONMENT", "Run `./noxw -s build -- {role}`"),
    Check("built-here", "The image was built in this state: a build record exists, and the files that it is built from are still those", "ENVIRONMENT", _BUILD_AGAIN),
    Check("same-image", "The tag still points to the image that was built", "ENVIRONMENT", _BUILD_AGAIN + "; another checkout on this engine may have taken the tag"),
    # Proof that the checks ran
    Check("python-runs", "A container starts and its Python runs", "CODE_BUG", "Image build broken: run the command above by hand and read `docker logs`"),
    Check("proof", "The probes' answer is this run's own, from a container of this image", "ENVIRONMENT", "Check Docker resources, run `docker logs`; repeat the verification"),
    Check("commands-run", "Every command that people type in the image is there and starts", "CODE_BUG", "Run the command by hand (`docker run --rm IMAGE COMMAND --help`), and correct what it fails at"),
    # What the layers hold, and whether the running image says the same
    Check("contents", "The image's layers can be read", "ENVIRONMENT", "Check the engine and its disk, then verify again"),
    Check("interpreter", "`python` is the base image's own interpreter, and the one that ran", "CODE_BUG", "Find what put another `python`, or where one may be put, on the image's PATH in {dockerfile}"),
    Check("python-unaltered", "Nothing stands between the image's Python and what it reports", "CODE_BUG", "Remove what the finding names: entry point, variable, words of a command, volume, start-up file, or replaced file of the base"),
    Check("distributions-agree", "The distributions in the layers are those that Python sees", "CODE_BUG", "Find what hides or adds distributions: PYTHONPATH, .pth files, a second environment"),
    Check("cuda-libraries-agree", "Every CUDA library that torch loads lies in the layers", "CODE_BUG", "Find where the loaded library comes from"),
    Check("lock-parity", "Every distribution has the version in uv.lock and its files; none is missing, none is extra", "CONFIGURATION", "Run `uv lock --check`, check the `uv sync` options in {dockerfile} and what left-out.toml names, rebuild"),
    Check("size-total", "Unpacked bytes stay within the specification's total", "CODE_BUG", "ML dependencies accidentally included? See bytes by distribution below, and {dockerfile}"),
    Check("size-added", "Bytes above the base image stay within the contract's budget", "CODE_BUG", "See bytes by distribution below, and {dockerfile}"),
    Check("size-growth", "The image has not grown above the baseline by more than the contract allows", "CODE_BUG", "If it is meant to, keep a new baseline: `./noxw -s baseline -- {role}`; if not, see who requires what grew: `uv tree --invert`"),
    Check("no-repeated-bytes", "No layer holds again what an earlier one holds", "CODE_BUG", "Find the late `chown`, `chmod` or copy in {dockerfile}; set owner and mode where a file is made"),
    Check("leftovers", "No .git, .env, key, certificate, credential, or file in /tmp or where the application writes, beyond the base's, in any layer", "CODE_BUG", "Remove it from the build context or use a build secret; rebuild, and revoke what was exposed"),
    Check("history", "The image's history and environment hold no secret, proxy or credential", "CODE_BUG", "Pass it as a build secret, never as ARG or ENV; rebuild, and revoke what was exposed"),
    Check("user", "The image runs as a numeric user other than root, with a home", "CODE_BUG", "Set `USER uid:gid` in {dockerfile}, and make the user's home"),
    # PyTorch and CUDA: specs/image-torch-availability
    Check("torch", "torch is there or not, as the role demands", "CODE_BUG", "Check {dockerfile}: `uv sync` with `--extra ml` for workers and dev, without it for the backend"),
    Check("torch-version", "torch's version is valid and agrees with its metadata", "CODE_BUG", "Partial torch install: rebuild without cache"),
    Check("torch-build", "torch is a build without CUDA, or with it and code for the GPUs of the contract, as the role demands", "CODE_BUG", "Check that {dockerfile} injects the right PyTorch source before `uv sync`, and `gpu_architectures` in images.toml"),
    Check("torch-works", "A tensor operation, an autograd step, save and load", "CODE_BUG", "Partial torch install: rebuild without cache, and look at the traceback"),
    Check("cuda-distributions", "No nvidia-*, cuda-* or triton distribution beside CPU torch", "CODE_BUG", "Check that {dockerfile} re-locks after injecting pytorch-cpu; `uv sync --frozen` alone ignores it"),
    Check("cuda-libraries", "No CUDA library beside CPU torch; beside CUDA torch all are there, one copy of each soname", "CODE_BUG", "See the paths below; what upstream ships twice belongs into the contract, with the reason"),
    Check("cuda-runtime", "torch.cuda.is_available() is what role and host allow", "CODE_BUG", "For a GPU host: NVIDIA driver and nvidia-container-toolkit, then `./noxw -s verify-gpu`"),
    # The API: specs/backend-lazy-imports
    Check("api-imports", "The application can be imported", "CODE_BUG", "Eager import somewhere in the chain: trace with `python -v`"),
    Check("api-is-fastapi", "The application is a FastAPI instance", "CODE_BUG", "Wrong module imported: see [application] in images.toml"),
    Check("api-routes", "The application has more routes than the specification's floor", "CODE_BUG", "Check create_application() for errors; some routers may have failed to initialize"),
    Check("api-new-modules", "Importing the application loaded modules: the import really happened", "CODE_BUG", "Import not actually executed: look for a preloaded or replaced module"),
    Check("api-starts", "The application's start-up runs", "CODE_BUG", "See the error below; run the image's command by hand"),
    Check("api-answers", "Health answers 200 with `status`, and no request raises", "CODE_BUG", "See the answers below; an unexpected exception became a 500"),
    Check("lazy-import", "Importing the application never loads, nor tries to load, a heavy package", "CODE_BUG", 'Make the import lazy where the chain below ends (`grep -r "import torch" ktrdr/api`)'),
    Check("lazy-start", "Starting the application neither", "CODE_BUG", "Make the import lazy where the chain below ends"),
    Check("lazy-use", "Using the application neither", "CODE_BUG", "Make the import lazy where the chain below ends"),
    # The server: the image's own command and HEALTHCHECK
    Check("lazy-server", "The running server has loaded no heavy package, nor tried to", "CODE_BUG", "Make the import lazy where the chain below ends; the probe's chains above may say more"),
    Check("server-healthy", "The image's own command reaches its own HEALTHCHECK", "CODE_BUG", "Docker not running or API crashed: see the server's log below"),
    Check("server-answers", "Asked from inside, the server answers 200 with `status` at the contract's address, and all else as the application does", "CODE_BUG", "Compare port and path of the command, of HEALTHCHECK and of `health` in images.toml, and what the command serves with [application] there"),
    Check("healthcheck-tells", "HEALTHCHECK passes at a 200 with `status`, and at nothing else", "CODE_BUG", "Make HEALTHCHECK ask the server, and fail on anything but 200 with a `status`"),
]  # fmt: skip
_GPU = [
    Check("gpu-present", "A GPU is attached and torch sees it", "ENVIRONMENT", "Install the NVIDIA driver and nvidia-container-toolkit, run `nvidia-ctk runtime configure` or `nvidia-ctk cdi generate`, restart the engine"),
    Check("gpu-matrix-product", "A matrix product on the device agrees with the CPU", "ENVIRONMENT", "Check the GPU (`nvidia-smi -q`), its memory errors and the driver's version"),
    Check("gpu-training-step", "A training step on the device agrees with the CPU, and stays on the device", "ENVIRONMENT", "Check the GPU (`nvidia-smi -q`), its memory errors and the driver's version"),
    Check("gpu-libraries", "The cuDNN and NCCL that were loaded are the ones installed", "CODE_BUG", "Find what puts other libraries first: LD_LIBRARY_PATH, the base image"),
    Check("gpu-error-raised", "An error on the device is raised, not swallowed", "ENVIRONMENT", "Check driver and CUDA compatibility (`nvidia-smi`)"),
]  # fmt: skip

# The images at work together
_WORKER = "See artifacts/e2e/logs/ for the worker's side and ktrdr/worker/ for its code"
_DISPATCH = "See the operations in artifacts/e2e/observed.json, and ktrdr/api/services/dispatch.py"

_END_TO_END = [
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
    Check("containers/logs", "No container logs an error, or has a process killed for want of memory", "CODE_BUG", "See the lines below, and artifacts/e2e/logs/"),
]  # fmt: skip

CHECKS = {check.name: check for check in _ALL}
GPU_CHECKS = {check.name: check for check in _GPU}
# Of the image that a GPU verdict is on: whether it is there, and the one that was built
OF_THE_IMAGE = ("image-present", "built-here", "same-image")
ON_THE_DEVICE = {name: CHECKS[name] for name in OF_THE_IMAGE} | GPU_CHECKS
END_TO_END_CHECKS = {check.name: check for check in _END_TO_END}
PURPOSES = {name: check.purpose for name, check in (CHECKS | GPU_CHECKS | END_TO_END_CHECKS).items()}
