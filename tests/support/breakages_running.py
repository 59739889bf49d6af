"""What breaks the checks of what runs in an image: PyTorch, the application, its server and the GPU."""

from typing import Any

from tests.support.breakage import Breakage
from tests.support.cases import SITE, Change, Facts, attempt, loaded, pytorch
from tests.support.changes import (
    answered,
    answers,
    contents,
    health,
    held,
    instead,
    report,
    rested,
    server,
    stopped,
    subject,
)


def imported_torch(facts: Facts) -> None:
    facts.report("pytorch").update(imported=True, version="2.13.0", file=f"{SITE}/torch/__init__.py", cuda_build=None)
    facts.report("pytorch").update(builds={}, cuda_available={"ok": True, "value": False}, libraries=[])
    facts.report("pytorch").update(gpu_architectures={"ok": True, "names": []})


PYTORCH = [
    Breakage("torch", "in the backend", "backend", imported_torch),
    Breakage("torch", "hidden in the backend", "backend", contents(torch=["/opt/ml/torch/__init__.py"])),
    Breakage("torch", "broken in the backend", "backend", report("pytorch", error_type="OSError", missing=None)),
    Breakage("torch", "not in the worker", "worker-cpu", instead("pytorch", pytorch("absent")),
        with_it=("torch-version", "torch-build", "torch-works", "cuda-runtime", "worker-types")),
    Breakage("torch", "not its distribution's", "worker-cpu", report("pytorch", file="/elsewhere/torch/__init__.py")),
    Breakage("torch-version", "empty", "worker-cpu", report("pytorch", version=""), with_it=("torch-build",)),
    Breakage("torch-version", "none", "worker-cpu", report("pytorch", version="unknown"),
        with_it=("torch-build",)),
    Breakage("torch-version", "not the metadata's", "worker-cpu", report("pytorch", metadata_version="2.12.0")),
    Breakage("torch-version", "no metadata", "worker-cpu", report("pytorch", metadata_version=None)),
    Breakage("torch-build", "CUDA in a CPU image", "worker-cpu", report("pytorch", builds={"cuda": "13.0"})),
    Breakage("torch-build", "CUDA by its label", "worker-cpu", report("pytorch", version="2.13.0+cu130")),
    Breakage("torch-build", "ROCm in a CPU image", "worker-cpu", report("pytorch", builds={"hip": "6.2"})),
    Breakage("torch-build", "Intel's GPUs by its label", "worker-cpu", report("pytorch", version="2.13.0+xpu")),
    Breakage("torch-build", "no label", "worker-cpu", report("pytorch", version="2.13.0")),
    Breakage("torch-build", "CPU in the GPU image", "worker-gpu", report("pytorch", builds={})),
    Breakage("torch-build", "another CUDA in the GPU image", "worker-gpu", report("pytorch", version="2.13.0+cu126")),
    Breakage("torch-build", "no code for one of the GPUs", "worker-gpu", lambda facts: (
        facts.report("pytorch")["gpu_architectures"]["names"].remove("sm_86"))),
    Breakage("torch-build", "nobody can tell for which GPUs", "worker-gpu", report(
        "pytorch", gpu_architectures={"ok": False, "error": "AttributeError"})),
    Breakage("torch-works", "a wrong product", "dev", report(
        "pytorch", tensor={"ok": True, "product": [[19.0, 22.0], [43.0, 51.0]]})),
    Breakage("torch-works", "no product", "dev", report("pytorch", tensor={"ok": False, "error": "RuntimeError"})),
    Breakage("torch-works", "a wrong gradient", "dev", report(
        "pytorch", autograd={"ok": True, "gradient": 11.0, "losses": [0.5, 0.4]})),
    Breakage("torch-works", "a loss that rises", "dev", report(
        "pytorch", autograd={"ok": True, "gradient": 12.0, "losses": [0.4, 0.5]})),
    Breakage("torch-works", "weights lost", "dev", report("pytorch", save_and_load={"ok": True, "same": False})),
    Breakage("cuda-runtime", "available in a CPU image", "dev", report(
        "pytorch", cuda_available={"ok": True, "value": True})),
    Breakage("cuda-runtime", "it raises", "worker-gpu", report(
        "pytorch", cuda_available={"ok": False, "error": "RuntimeError"})),
]  # fmt: skip


def worker(kind: str, part: str, **values: Any) -> Change:
    """What becomes of a worker type."""
    return lambda facts: facts.report("pytorch")["workers"][kind].update({part: values})


WORKERS = [
    Breakage("worker-types", "work that raises", "worker-cpu", worker("training", "work", ok=False, error="OSError")),
    Breakage("worker-types", "no start", "worker-cpu", worker("backtest", "start", ok=False, error="RuntimeError")),
    Breakage("worker-types", "another type", "worker-gpu", worker("training", "start", ok=True, names=["backtest"])),
    Breakage("worker-types", "no type", "worker-cpu", worker("training", "start", ok=True)),
    Breakage(
        "worker-types",
        "nothing is said of one",
        "worker-cpu",
        lambda facts: facts.report("pytorch")["workers"].pop("backtest"),
        "ENVIRONMENT",
        "ERROR",
    ),
]
PLATFORM = [
    Breakage("platform", "configured", "backend", subject(platform="linux/arm64")),
    Breakage("platform", "running", "worker-gpu", report("environment", machine="aarch64")),
    Breakage("platform", "not configured", "dev", subject(platform="")),
]
APPLICATION = [
    Breakage("api-imports", "an error", "backend", instead("application", {
        "imported": False, "loaded_before": loaded(), "attempts": [], "processes": [],
        "lost": {"import": {"how": "ImportError", "traceback": "line 5"}}})),
    Breakage("api-is-fastapi", "something else", "backend", report("application", is_fastapi=False, kind="flask")),
    Breakage("api-routes", "too few", "backend", lambda facts: facts.report("application")["routes"].__delitem__(
        slice(5, None)), with_it=("server-answers",)),
    Breakage("api-routes", "no health", "backend", lambda facts: facts.report("application")["routes"].pop(0),
        with_it=("server-answers",)),
    Breakage("api-new-modules", "none loaded", "backend", report("application", new_modules=50)),
    Breakage("api-starts", "start-up fails", "backend", report(
        "application", started=False, lost={"start": {"how": "no store"}}, health=None, loaded_after_use=None)),
    Breakage("api-answers", "a 500", "backend", answers({"GET /x": 500})),
    Breakage("api-answers", "no answer", "backend", answers({"GET /x": 0})),
    Breakage("api-answers", "health 503", "backend", report(
        "application", health={"status": 503, "body": '{"status": "x"}'})),
    Breakage("api-answers", "health without status", "backend", report(
        "application", health={"status": 200, "body": "{}"})),
    Breakage("api-answers", "an operation ended the process", "backend", report(
        "application", lost={"GET /x": {"how": "it ended its process with -11"}})),
    Breakage("api-answers", "a shutdown that raised", "backend", report(
        "application", lost={"stop": {"how": "OSError"}})),
    Breakage("api-routes", "no list", "backend", report("application", lost={"routes": {"how": "PydanticUserError"}})),
    *(
        Breakage(f"lazy-{check}", f"torch while it {phase}s", "backend", lambda facts, phase=phase: (  # type: ignore[misc]
            facts.report("application")["attempts"].append(attempt("torch", phase))))
        for check, phase in (("import", "import"), ("start", "start"), ("use", "use"), ("use", "stop"))
    ),
    *(
        Breakage(f"lazy-{check}", f"torch loaded {when}", "backend", report(
            "application", **{f"loaded_{when}": loaded("torch")}))
        for check, when in (
            ("import", "before"), ("import", "after_import"), ("start", "after_start"), ("use", "after_use"))
    ),
]  # fmt: skip
SERVER = [
    Breakage("server-healthy", "no HEALTHCHECK", "dev", subject(healthcheck=[]),
        with_it=("configuration", "healthcheck-tells")),
    Breakage("server-healthy", "switched off", "dev", subject(healthcheck=["NONE"]),
        with_it=("configuration", "healthcheck-tells")),
    Breakage("server-healthy", "unhealthy", "dev", server(health="unhealthy", reply="refused")),
    Breakage("server-healthy", "never healthy", "dev", server(health="starting", reply="")),
    Breakage("server-healthy", "no status in the reply", "dev", server(reply="ok")),
    Breakage("server-healthy", "it stopped", "dev", lambda facts: stopped(facts, exit_code=1),
             with_it=("server-answers",)),
    Breakage("server-healthy", "it was killed", "dev", lambda facts: stopped(facts, exit_code=137), "ENVIRONMENT",
             with_it=("server-answers",)),
    Breakage("server-answers", "not 200", "dev", lambda facts: answered(facts, status=503)),
    Breakage("server-answers", "no status", "dev", lambda facts: answered(facts, body="{}")),
    Breakage("server-answers", "nobody answers", "dev", lambda facts: answered(facts, status=0, body="refused")),
    Breakage("server-answers", "another port", "backend", lambda facts: answered(facts, ports=[8000, 9000])),
    Breakage("server-answers", "a UDP port", "backend", lambda facts: answered(facts, datagrams=[9999])),
    Breakage("server-answers", "no worker", "worker-cpu", lambda facts: answered(facts, body='{"status": "ok"}')),
    Breakage("lazy-server", "torch in memory", "backend", lambda facts: answered(facts, packages=["torch", "yaml"])),
    Breakage("lazy-server", "an attempt in the server", "backend", lambda facts: answered(facts, attempts=[
        {**attempt("torch", "serve")}])),
    Breakage("lazy-server", "a process in which nobody listened", "dev", lambda facts: answered(
        facts, unwatched=["python -I -m serve"]), outcome="ERROR"),
    Breakage("lazy-server", "nobody listened at all", "dev", lambda facts: answered(facts, watched=0), outcome="ERROR"),
    Breakage("lazy-server", "what was heard is not told", "dev", lambda facts: answered(facts, watched=None),
             outcome="ERROR"),
    Breakage("server-answers", "a route answers otherwise", "backend", lambda facts: answered(
        facts, answers={**facts.report("application")["digests"], "GET /api/v1/thing1": "404 0123456789abcdef"})),
    Breakage("server-answers", "a route's answer holds something else", "backend", lambda facts: answered(
        facts, answers={**facts.report("application")["digests"], "GET /api/v1/thing1": "200 0000456789abcdef"})),
    Breakage("server-answers", "no answer but health's", "dev", lambda facts: answered(facts, answers={})),
    Breakage("lazy-server", "no process seen", "backend", lambda facts: answered(facts, processes=0)),
    *(
        Breakage("healthcheck-tells", f"content with {which}", "dev", health(which, exit_code=0))
        for which in ("nobody", "failure", "unready", "moved", "missing", "stateless", "gone", "hung")
    ),
    Breakage("healthcheck-tells", "told after two hours", "dev", subject(unhealthy_after=7200.0)),
    Breakage("healthcheck-tells", "nobody says when", "dev", subject(unhealthy_after=None), "ENVIRONMENT",
             outcome="ERROR"),
    Breakage("healthcheck-tells", "never content", "dev", health("good", exit_code=1)),
    Breakage("healthcheck-tells", "never done", "dev", health("good", outcome="timed out", exit_code=None)),
    Breakage("healthcheck-tells", "it cannot be run", "dev", instead(
        "healthcheck", {"nobody": {"outcome": "not started", "error": "no such file"}})),
]  # fmt: skip
SERVING = [
    Breakage("server-limits", "ended by its memory limit", "backend", lambda facts: (
        facts.part("server")["proof"].update(exit_code=137, out_of_memory=True)), with_it=(
            "server-healthy", "server-stops")),
    Breakage("server-limits", "a thread refused", "backend", lambda facts: rested(facts, refused=1)),
    Breakage("server-limits", "no process is left", "backend", server(processes=256)),
    Breakage("server-limits", "fewer files allowed", "backend", lambda facts: rested(facts, open_files=64)),
    Breakage("server-limits", "any number of files allowed", "backend", lambda facts: rested(facts, open_files=None)),
    Breakage("server-limits", "nobody says", "backend", lambda facts: rested(facts, refused="many"), "ENVIRONMENT",
             outcome="ERROR", with_it=("server-at-rest",)),
    Breakage("server-at-once", "one refused", "backend", lambda facts: answered(
        facts, at_once={"asked": 8, "refused": ["GET /api/v1/health: 503"]})),
    Breakage("server-at-once", "nothing asked", "backend", lambda facts: answered(
        facts, at_once={"asked": 0, "refused": []})),
    Breakage("server-at-rest", "busy", "backend", lambda facts: rested(facts, busy=0.11)),
    Breakage("server-at-rest", "busy on a loaded machine", "backend", lambda facts: rested(facts, busiest=0.9)),
    Breakage("server-at-rest", "files will be everybody's", "backend", lambda facts: rested(facts, lax=1)),
    Breakage("server-at-rest", "a file is everybody's", "backend", lambda facts: rested(facts, exposed=["/data/a"])),
    Breakage("server-at-rest", "a zombie", "backend", lambda facts: rested(facts, left=["zombie sleep"])),
    Breakage("server-at-rest", "a process more", "backend", lambda facts: held(facts, processes=1)),
    Breakage("server-at-rest", "a thread more with every request", "backend", lambda facts: held(facts, threads=57)),
    Breakage("server-at-rest", "a file more with every request", "backend", lambda facts: held(facts, files=57)),
    Breakage("server-at-rest", "a file in /tmp", "backend", lambda facts: rested(facts, written=["/tmp/ktrdr.db"])),
    Breakage("server-at-rest", "no log", "backend", server(log_bytes=0)),
    Breakage("server-at-rest", "too long a log", "backend", server(log_bytes=100_001)),
    Breakage("server-stops", "killed", "backend", lambda facts: (
        facts.part("server").update(stop={"allowed": 10.0, "took": 10.2}),
        facts.part("server")["proof"].update(exit_code=137))),
    Breakage("server-stops", "another exit code", "backend", lambda facts: (
        facts.part("server")["proof"].update(exit_code=3))),
    Breakage("server-stops", "it ended before", "backend", server(stop=None)),
]  # fmt: skip
GPU = [
    Breakage("gpu-present", "torch cannot be imported", "worker-gpu", instead("gpu", {
        "imported": False, "error": "OSError"}), gpu=True, with_it=(
            "gpu-matrix-product", "gpu-training-step", "gpu-ktrdr-training", "gpu-libraries", "gpu-error-raised")),
    Breakage("gpu-present", "no code for it", "worker-gpu", report("gpu", name="V100", capability="7.0"), "ENVIRONMENT",
        gpu=True),
    Breakage("gpu-matrix-product", "a difference", "worker-gpu", lambda facts: (
        facts.report("gpu")["matrix_product"].update(difference=0.01)), "ENVIRONMENT", gpu=True),
    Breakage("gpu-matrix-product", "on the CPU", "worker-gpu", lambda facts: (
        facts.report("gpu")["matrix_product"].update(device="cpu")), "ENVIRONMENT", gpu=True),
    Breakage("gpu-matrix-product", "an error", "worker-gpu", report(
        "gpu", matrix_product={"ok": False, "error": "RuntimeError"}), "ENVIRONMENT", gpu=True),
    Breakage("gpu-training-step", "a difference", "worker-gpu", lambda facts: (
        facts.report("gpu")["training_step"].update(difference=0.01)), "ENVIRONMENT", gpu=True),
    Breakage("gpu-training-step", "in part on the CPU", "worker-gpu", lambda facts: (
        facts.report("gpu")["training_step"].update(device="cpu, cuda:0")), "ENVIRONMENT", gpu=True),
    Breakage("gpu-training-step", "a loss that rises", "worker-gpu", lambda facts: (
        facts.report("gpu")["training_step"].update(losses=[1.0, 1.1])), "ENVIRONMENT", gpu=True),
    *(
        Breakage("gpu-ktrdr-training", f"on {device or 'no device'}", "worker-gpu", report(
            "gpu", ktrdr_training={"ok": True, "device": device, "difference": 0.0}), gpu=True)
        for device in ("cpu", "cpu, cuda:0", "meta", "")
    ),
    Breakage("gpu-ktrdr-training", "other losses", "worker-gpu", report(
        "gpu", ktrdr_training={"ok": True, "device": "cuda:0", "difference": 0.1}), gpu=True),
    Breakage("gpu-ktrdr-training", "an error", "worker-gpu", report(
        "gpu", ktrdr_training={"ok": False, "error": "RuntimeError"}), gpu=True),
    Breakage("gpu-libraries", "another version", "worker-gpu", lambda facts: (
        facts.report("gpu")["cudnn"].update(version="8.9.7")), gpu=True),
    Breakage("gpu-libraries", "from elsewhere", "worker-gpu", lambda facts: (
        facts.report("gpu")["nccl"].update(loaded=["/usr/lib/libnccl.so.2"])), gpu=True),
    Breakage("gpu-libraries", "not loaded", "worker-gpu", lambda facts: (
        facts.report("gpu")["cudnn"].update(loaded=[])), gpu=True),
    Breakage("gpu-libraries", "not installed", "worker-gpu", lambda facts: (
        facts.report("gpu")["cudnn"].update(installed="")), gpu=True),
    Breakage("gpu-error-raised", "swallowed", "worker-gpu", lambda facts: (
        facts.report("gpu")["error_raised"].update(value=False)), "ENVIRONMENT", gpu=True),
]  # fmt: skip
