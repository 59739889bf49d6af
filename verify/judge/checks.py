"""The checks: their purposes, and the category and action that the specifications give for their failure.

Findings and documentation take their words from this one table. verify.judge.judge applies the checks.
"""

from dataclasses import dataclass

from verify.judge.verdict import Category


@dataclass(frozen=True)
class Check:
    """One check: its name, its purpose, and the category and suggested action of a failure."""

    name: str
    purpose: str
    category: Category
    action: str


_BUILD_AGAIN = "Run `./noxw -s build -- {role}` again, then verify"

_ALL = [
    # The subject
    Check("image-present", "The image is on the engine", "ENVIRONMENT", "Run `./noxw -s build -- {role}`"),
    Check("built-here", "A build record exists, and the files that the image was built from are unchanged", "ENVIRONMENT", _BUILD_AGAIN),
    Check("same-image", "The tag still points to the image that was built", "ENVIRONMENT", _BUILD_AGAIN + "; another checkout on this engine may have taken the tag"),
    Check("configuration", "What the image sets is the contract's or its base image's: environment, commands, ports, labels and the like", "CODE_BUG", "Correct {dockerfile}; or name it, with its value, below `configuration` in images.toml"),
    Check("platform", "Configuration, interpreter and running Python are all of the contract's platform", "CODE_BUG", "See `--platform` in {dockerfile} and DOCKER_DEFAULT_PLATFORM on the machine that built it, then build again"),
    # Proof that the checks ran
    Check("control", "The engine runs a container of the base image under the limits of every other", "ENVIRONMENT", "This host or its engine is at fault, and no image: run `docker run --rm --cap-drop=ALL --security-opt=no-new-privileges --memory=4g --pids-limit=512 --read-only BASE true`, and read the engine's log"),
    Check("python-runs", "A container starts and its Python runs", "CODE_BUG", "Image build broken: run the command above by hand and read `docker logs`"),
    Check("proof", "The probes' report comes from this run and from a container of this image", "ENVIRONMENT", "Check Docker resources, run `docker logs`; repeat the verification"),
    Check("commands-run", "Every command of the contract is in the image and starts", "CODE_BUG", "Run the command by hand (`docker run --rm IMAGE COMMAND --help`), and fix what it fails at"),
    # What the layers hold, and whether the running image says the same
    Check("contents", "The image's layers can be read", "ENVIRONMENT", "Check the engine and its disk, then verify again"),
    Check("interpreter", "`python` is the base image's own interpreter, and the probes ran in it", "CODE_BUG", "Find what changes PATH, or puts another `python` on it, in {dockerfile}"),
    Check("python-unaltered", "Nothing in the image can alter what its Python reports", "CODE_BUG", "Remove what the finding names: a start-up file, or a replaced file of the base"),
    Check("distributions-agree", "Python sees exactly the distributions that the layers hold", "CODE_BUG", "Find what hides or adds distributions: PYTHONPATH, .pth files, a second environment"),
    Check("cuda-libraries-agree", "Every CUDA library that torch loads lies in the layers", "CODE_BUG", "Find where the loaded library comes from"),
    Check("lock-parity", "Every distribution has uv.lock's version and all its files; none is missing, extra or broken", "CONFIGURATION", "Run `uv lock --check`, check the `uv sync` options in {dockerfile} and what left-out.toml names, rebuild"),
    Check("size-total", "The unpacked bytes stay within the specification's total", "CODE_BUG", "ML dependencies accidentally included? See bytes by distribution below, and {dockerfile}"),
    Check("size-added", "The bytes above the base image stay within the contract's budget", "CODE_BUG", "See bytes by distribution below, and {dockerfile}"),
    Check("size-growth", "The image has not grown above the baseline by more than the contract allows", "CODE_BUG", "If this is intended, keep a new baseline: `./noxw -s baseline -- {role}`; if not, find out what requires it: `uv tree --invert`"),
    Check("no-repeated-bytes", "No layer repeats files of an earlier one", "CODE_BUG", "Find the late `chown`, `chmod` or copy in {dockerfile}; set owner and mode where a file is made"),
    Check("checkout-parity", "The application's files are the checkout's: the same paths, the same content", "CODE_BUG", "Build without cache: `./noxw -s build -- {role}`; `git add` a file that is to be shipped, and remove any other"),
    Check("leftovers", "Every file above the base image has an owner, and none holds a secret", "CODE_BUG", "Remove it in {dockerfile}, or name it with its reason below `files` in images.toml; rebuild, and revoke a secret that was exposed"),
    Check("history", "The image's history, configuration and environment hold no secret, proxy or credential", "CODE_BUG", "Pass it as a build secret, never as ARG or ENV; rebuild, and revoke what was exposed"),
    Check("user", "The image runs as a numeric user other than root, with a home", "CODE_BUG", "Set `USER uid:gid` in {dockerfile}, and make the user's home"),
    # PyTorch and CUDA: specs/image-torch-availability
    Check("torch", "torch is present or absent, as the role demands", "CODE_BUG", "Check {dockerfile}: `uv sync` with `--extra ml` for workers and dev, without it for the backend"),
    Check("torch-version", "torch's version is valid and agrees with its metadata", "CODE_BUG", "Partial torch install: rebuild without cache"),
    Check("torch-build", "torch is one of the contract's builds: for the CPU only, or for CUDA with code for the contract's GPUs", "CODE_BUG", "Check that {dockerfile} injects the right PyTorch source before `uv sync`, and `torch_builds` and `gpu_architectures` in images.toml"),
    Check("torch-works", "torch computes: a tensor operation, an autograd step, save and load", "CODE_BUG", "Partial torch install: rebuild without cache, and look at the traceback"),
    Check("cuda-distributions", "No nvidia-*, cuda-* or triton distribution beside CPU torch", "CODE_BUG", "Check that {dockerfile} re-locks after injecting pytorch-cpu; `uv sync --frozen` alone ignores it"),
    Check("cuda-libraries", "CPU torch: no CUDA library; CUDA torch: every library that it needs, each soname once", "CODE_BUG", "See the paths below; list in the contract what upstream ships twice, with the reason"),
    Check("cuda-runtime", "torch.cuda.is_available() answers what role and host allow", "CODE_BUG", "For a GPU host: NVIDIA driver and nvidia-container-toolkit, then `./noxw -s verify-gpu`"),
    Check("worker-types", "Every worker type of the contract does a piece of its work, and starts", "CODE_BUG", "See the traceback below and ktrdr/worker/; start it by hand: `docker run --rm --env KTRDR_WORKER_TYPE=TYPE IMAGE`"),
    # The API: specs/backend-lazy-imports
    Check("api-imports", "The application can be imported", "CODE_BUG", "Eager import somewhere in the chain: trace with `python -v`"),
    Check("api-is-fastapi", "The application is a FastAPI instance", "CODE_BUG", "Wrong module imported: see [application] in images.toml"),
    Check("api-routes", "The application has more routes than the specification's floor", "CODE_BUG", "Check create_application() for errors; some routers may have failed to initialize"),
    Check("api-new-modules", "Importing the application loads modules: the import really happened", "CODE_BUG", "Import not actually executed: look for a preloaded or replaced module"),
    Check("api-starts", "The application's start-up completes", "CODE_BUG", "See the error below; run the image's command by hand"),
    Check("api-answers", "Health answers 200 with `status`, and no request raises", "CODE_BUG", "See the answers below; an unexpected exception became a 500"),
    Check("lazy-import", "Importing the application neither loads a heavy package nor tries to", "CODE_BUG", 'Make the import lazy where the chain below ends (`grep -r "import torch" ktrdr/api`)'),
    Check("lazy-start", "Starting the application does not import a heavy package", "CODE_BUG", "Make the import lazy where the chain below ends"),
    Check("lazy-use", "Using the application does not import a heavy package", "CODE_BUG", "Make the import lazy where the chain below ends"),
    # The server: the image's own command and HEALTHCHECK
    Check("lazy-server", "The running server has neither loaded a heavy package nor tried to", "CODE_BUG", "Make the import lazy where the chain below ends; the probe's chains above may show more"),
    Check("server-healthy", "The image's own command makes its own HEALTHCHECK pass", "CODE_BUG", "Docker not running or API crashed: see the server's log below"),
    Check("server-answers", "The server answers 200 with `status` at the contract's address, and otherwise as the application does", "CODE_BUG", "Compare port and path in the command, in HEALTHCHECK and in `health` of images.toml; compare the application that the command serves with [application] there"),
    Check("server-limits", "The contract's limits suffice for the server, and are in force in it", "CODE_BUG", "Find what takes memory, threads or files without bound; where it is needed, raise `limits` in images.toml and compose.yaml"),
    Check("server-at-once", "The server answers several clients at once, some of them slow", "CODE_BUG", "Find what lets one request wait for another, or what limits connections, in the image's command and in the application"),
    Check("server-at-rest", "While nobody asks, the server is idle, leaves no process behind, writes only to `writable`, and its log is on the engine", "CODE_BUG", "Run the image's command by hand, and look with `docker top`, `docker stats`, `docker logs` and at the files named"),
    Check("server-stops", "The engine's stop signal ends the server in time, with the contract's exit code", "CODE_BUG", "Let the server be the first process (exec form, no shell before it), and end what delays its end"),
    Check("healthcheck-tells", "HEALTHCHECK passes at a 200 with `status`, and fails at any other answer and without one", "CODE_BUG", "Make HEALTHCHECK ask the server, and fail on anything but 200 with a `status`"),
]  # fmt: skip
_GPU = [
    Check("gpu-present", "A GPU is attached and torch sees it", "ENVIRONMENT", "Install the NVIDIA driver and nvidia-container-toolkit, run `nvidia-ctk runtime configure` or `nvidia-ctk cdi generate`, restart the engine"),
    Check("gpu-matrix-product", "A matrix product on the device agrees with the CPU", "ENVIRONMENT", "Check the GPU (`nvidia-smi -q`), its memory errors and the driver's version"),
    Check("gpu-training-step", "A training step on the device agrees with the CPU, and stays on the device", "ENVIRONMENT", "Check the GPU (`nvidia-smi -q`), its memory errors and the driver's version"),
    Check("gpu-ktrdr-training", "ktrdr's own training runs on the device, and agrees with the CPU", "CODE_BUG", "See where ktrdr/training/ chooses the device, and what moves network or data off it"),
    Check("gpu-libraries", "The loaded cuDNN and NCCL are the installed ones", "CODE_BUG", "Find what puts other libraries first: LD_LIBRARY_PATH, the base image"),
    Check("gpu-error-raised", "An error on the device is raised, not swallowed", "ENVIRONMENT", "Check driver and CUDA compatibility (`nvidia-smi`)"),
]  # fmt: skip

_TOGETHER = [
    Check("same-base", "All images are built on the same base image", "CONFIGURATION", "Build all images again, with the same PYTHON_IMAGE or none: `./noxw -s build`"),
    Check("same-python", "All images run the same Python, to the patch", "CONFIGURATION", "Build all images again, on one base image: `./noxw -s build`"),
    Check("same-layers", "Images that hold the same distributions share the layer that brings them", "CONFIGURATION", "Build all images again from one checkout: `./noxw -s build`; make the differing step the same in each Dockerfile"),
]  # fmt: skip

# The images at work together
_WORKER = "See artifacts/e2e/logs/ for the worker's side and ktrdr/worker/ for its code"
_DISPATCH = "See the operations in artifacts/e2e/observed.json, and ktrdr/api/services/dispatch.py"

_END_TO_END = [
    Check("verified-images", "Every container ran one of the verified images", "ENVIRONMENT", "./noxw -s build verify e2e"),
    Check("workers/startup-registration", "Within 30 s the backend is healthy and a worker of each type is registered", "CODE_BUG", _WORKER),
    Check("workers/misplaced", "A worker in the production image never registers, names the images to use, and stops by itself", "CODE_BUG", "See ktrdr/torch_check.py, and what the container printed"),
    Check("data/sample", "The production image makes a year of hourly bars and uploads them over HTTP", "CODE_BUG", "See what `ktrdr data sample --upload` printed"),
    Check("training/smoke", "A training on a year of hourly bars completes in under 60 s and learns something, but not everything", "CODE_BUG", _WORKER),
    Check("training/repeatable", "The same seed gives the same metrics twice, except for times", "CODE_BUG", "Find the randomness in ktrdr/training/ that ignores the strategy's seed"),
    Check("backtest/smoke", "Another worker trades the bars that the training kept for its test; its return follows from its fills and costs", "CODE_BUG", "See the trades in artifacts/e2e/observed.json, and ktrdr/backtesting/"),
    Check("operations/cancel", "A cancelled training stops within 2 s and frees its worker", "CODE_BUG", _WORKER),
    Check("backend/restart", "A killed backend restarts with its operations, queue and models; its workers return within 15 s", "CODE_BUG", _DISPATCH),
    Check("workers/killed", "When a busy worker is killed, its operation fails with worker_lost within 15 s", "CODE_BUG", _DISPATCH),
    Check("workers/resumed", "Another worker goes on with a killed one's training from its checkpoint, to the same figures", "CODE_BUG", "See resumed in artifacts/e2e/observed.json, and ktrdr/training/checkpoint.py"),
    Check("operations/queue", "Ten trainings at once on two workers all complete, in order, each exactly once", "CODE_BUG", _DISPATCH),
    Check("workers/terminated", "A worker that gets SIGTERM ends within 10 s, and another goes on with its operation to the same figures", "CODE_BUG", _WORKER),
    Check("containers/logs", "No container logs an error or loses a process to its memory limit", "CODE_BUG", "See the lines below, and artifacts/e2e/logs/"),
]  # fmt: skip

CHECKS = {check.name: check for check in _ALL}
GPU_CHECKS = {check.name: check for check in _GPU}
# A GPU verdict's checks beside the GPU's: its subject is there, is what was built, and the engine runs containers
OF_THE_IMAGE = ("image-present", "built-here", "same-image", "control")
ON_THE_DEVICE = {name: CHECKS[name] for name in OF_THE_IMAGE} | GPU_CHECKS
TOGETHER_CHECKS = {check.name: check for check in _TOGETHER}
END_TO_END_CHECKS = {check.name: check for check in _END_TO_END}
PURPOSES = {name: check.purpose for name, check in (CHECKS | GPU_CHECKS | TOGETHER_CHECKS | END_TO_END_CHECKS).items()}
