"""For every check an image, or an observation, that breaks it: a check that nobody has seen fail does not exist."""

from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from tests.support.cases import SITE, Change, Facts, attempt, good, good_gpu, library, loaded, pytorch
from tests.support.changes import (
    answered,
    answers,
    contents,
    distribution,
    health,
    instead,
    label,
    layer,
    nothing_seen,
    other_interpreter,
    probes,
    record,
    report,
    server,
    stopped,
    subject,
    tried,
    variable,
    without,
)
from verify.judge.verdict import Category, Finding, Outcome, Verdict


@dataclass(frozen=True)
class Breakage:
    """One thing that is wrong, and the one check that says so; ``with_it``: others that break for the same reason."""

    check: str
    what: str
    role: str
    change: Change
    category: Category = "CODE_BUG"
    outcome: Outcome = "FAIL"
    with_it: tuple[str, ...] = ()
    gpu: bool = False

    @cached_property
    def verdict(self) -> Verdict:
        """What the judge says of it."""
        return (good_gpu(self.change) if self.gpu else good(self.role, self.change)).verdict()

    @property
    def findings(self) -> dict[str, Finding]:
        return {finding.check: finding for finding in self.verdict.findings}

    def __str__(self) -> str:
        return f"{self.check}: {self.what}"


def imported_torch(facts: Facts) -> None:
    facts.report("pytorch").update(imported=True, version="2.13.0", file=f"{SITE}/torch/__init__.py", cuda_build=None)
    facts.report("pytorch").update(hip_build=None, cuda_available={"ok": True, "value": False}, libraries=[])
    facts.report("pytorch").update(gpu_architectures={"ok": True, "names": []})


def _unexecutable(facts: Facts) -> None:
    facts.part("probes").update(results=None, error="it printed nothing where a JSON document was due")
    facts.part("probes")["proof"].update(exit_code=126)


UNLIKE: tuple[dict[str, Any], ...] = (
    {"outcome": "ended", "exit_code": 1}, {"outcome": "not found"}, {"outcome": "timed out"},
    {"outcome": "not started", "printed": "Exec format error"},
)  # fmt: skip
SUBJECT = [
    Breakage(
        "image-present", "no such tag", "backend", lambda facts: nothing_seen(facts, "no image x:y on the engine"),
        "ENVIRONMENT", "ERROR",
    ),
    Breakage("built-here", "no record", "dev", without("record", record_error="none"), "ENVIRONMENT", "ERROR"),
    Breakage("built-here", "from other files", "dev", record(inputs="d" * 64), "ENVIRONMENT", "ERROR"),
    Breakage("same-image", "the tag moved", "dev", record(identity="sha256:other"), "ENVIRONMENT"),
    Breakage("same-image", "another role's record", "dev", record(tag="ktrdr-backend:prod"), "ENVIRONMENT"),
    Breakage(
        "python-runs", "no python", "dev",
        probes(results=None, error='exec: "python": executable file not found in $PATH', refused=True),
        with_it=("proof",),
    ),
    Breakage(
        "python-runs", "python cannot be executed", "dev",
        _unexecutable,
        with_it=("proof",),
    ),
    *(
        Breakage("commands-run", ran["outcome"], "backend", report("commands", commands={"ktrdr": ran}))
        for ran in UNLIKE
    ),
    Breakage("commands-run", "nothing is said of it", "dev", report("commands", commands={}), "ENVIRONMENT", "ERROR"),
    Breakage("proof", "the wrong nonce", "dev", probes(results=None, error="nonce"), "ENVIRONMENT", "ERROR"),
    Breakage("user", "the group of root", "backend", report("environment", gid=0)),
    Breakage("user", "what runs is the user's", "backend", report("environment", may_write=["/opt/venv"])),
    Breakage("user", "root by number", "dev", subject(user="0"), with_it=("configuration",)),
    Breakage("user", "root by name", "dev", subject(user="root"), with_it=("configuration",)),
    Breakage("user", "none", "dev", subject(user=""), with_it=("configuration",)),
    Breakage("user", "no number", "dev", subject(user="ktrdr"), with_it=("configuration",)),
    Breakage("user", "another one at work", "dev", report("environment", uid=0)),
    Breakage("user", "no entry in passwd", "dev", report("environment", user=None)),
    Breakage("user", "it may not read what it runs", "dev", contents(unreadable=["/opt/venv/lib/x.py"])),
    Breakage("user", "no home", "dev", report("environment", home_is_writable=False)),
]  # fmt: skip
CONFIGURATION = [
    *(
        Breakage("configuration", f"{name}={value}", "worker-gpu", partial(variable, name=name, value=value))
        for name, value in {
            "SSLKEYLOGFILE": "/data/keys", "CURL_CA_BUNDLE": "", "WEB_CONCURRENCY": "4", "CUDA_VISIBLE_DEVICES": "-1",
            "PYTHONPATH": "/lies", "LD_PRELOAD": "/lies.so", "NEVER_HEARD_OF": "", "LANG": "C", "PATH": "/opt/venv/bin",
            "KTRDR_DATA_DIR": "/tmp/data", "HOME": "/data",
        }.items()
    ),
    *(
        Breakage("configuration", f"another {key}", "dev", subject(**{key: value}))
        for key, value in {
            "command": ["sh", "-c", "uvicorn ktrdr.api.main:app"], "entrypoint": ["tini", "--"],
            "working_directory": "/srv", "ports": ["8000/tcp", "9000/tcp"], "volumes": ["/data"],
            "shell": ["/bin/bash", "-c"], "stop_signal": "SIGUSR1", "on_build": ["USER 0"],
        }.items()
    ),
    *(
        Breakage("configuration", f"no {key}", "worker-cpu", subject(**{key: nothing}))
        for key, nothing in (("command", []), ("ports", []), ("labels", {}), ("environment", {}),
                             ("working_directory", ""))
    ),
    *(
        Breakage("configuration", f"{name}={value}", "backend", partial(label, name=name, value=value))
        for name, value in (("ktrdr.role", "dev"), ("org.opencontainers.image.revision", "0" * 40), ("mine", ""))
    ),
    *(
        Breakage("configuration", f"HEALTHCHECK {name} {number}", "backend", partial(tried, name=name, number=number))
        for name, number in (("interval", 1.0), ("interval", 31.0), ("timeout", 0.3), ("start_period", 0.0),
                             ("start_interval", 0.1), ("retries", 1))
    ),
    Breakage("configuration", "another HEALTHCHECK", "dev", subject(healthcheck=["CMD-SHELL", "true"])),
]  # fmt: skip
CONTENTS = [
    Breakage("contents", "another image's layers", "dev", contents(identity="sha256:other"), "ENVIRONMENT"),
    Breakage("contents", "cut off", "dev", without("contents", contents_error="cut off"), "ENVIRONMENT", "ERROR"),
    Breakage("interpreter", "none on the path", "dev", contents(interpreter=None)),
    Breakage("interpreter", "the image's own", "dev", lambda facts: other_interpreter(facts, layer=3)),
    *(
        Breakage("interpreter", f"PATH has {directory!r}", "dev", contents(search=[
            {"directory": directory, "python": python, "layer": None}]))
        for directory, python in (
            ("", "/python"), ("bin", "/bin/python"), ("/proc/self/cwd", "/proc/self/cwd/python"),
            ("/opt/x", "/proc/self/cwd/python"), ("/tmp", "/tmp/python"), ("/data/bin", "/data/bin/python"),
        )
    ),
    Breakage("interpreter", "one behind the first", "dev", contents(search=[
        {"directory": "/opt/x", "python": "/usr/local/bin/python3.11", "layer": 0},
        {"directory": "/opt/y", "python": "/opt/y/python", "layer": 2}])),
    Breakage("python-unaltered", "a start in /proc", "dev", contents(working_directory="/proc/1/root/srv")),
    Breakage("python-unaltered", "a start in /tmp", "dev", contents(working_directory="/tmp")),
    Breakage("python-unaltered", "a start in the volume", "dev", contents(working_directory="/data")),
    Breakage("python-unaltered", "a start within the volume", "backend", contents(working_directory="/data/work")),
    Breakage("python-unaltered", "a locked distribution's start-up file too long to keep", "dev", contents(hooks=[
        {"path": f"{SITE}/ktrdr.pth", "layer": 2, "distribution": "ktrdr", "text": ""}])),
    Breakage("python-unaltered", "an environment too long to keep", "dev", contents(
        environments={"/opt/venv/pyvenv.cfg": ""})),
    Breakage("interpreter", "another one ran", "dev", report("environment", interpreter="/opt/other/python3.11")),
    Breakage("interpreter", "another version", "dev", report("environment", python="3.12.1")),
    Breakage("interpreter", "another implementation", "dev", report("environment", implementation="PyPy")),
    Breakage("python-unaltered", "a program of the image's own", "dev", contents(named=[
        {"word": "uvicorn", "path": "/opt/mine/uvicorn", "layer": 3, "distribution": ""}])),
    Breakage("python-unaltered", "a start-up file", "dev", contents(hooks=[
        {"path": f"{SITE}/lies.pth", "layer": 2, "distribution": ""}])),
    Breakage("python-unaltered", "a locked distribution's start-up file that runs something", "dev", contents(hooks=[
        {"path": f"{SITE}/ktrdr.pth", "layer": 2, "distribution": "ktrdr", "text": "import lies"}])),
    Breakage("python-unaltered", "a sitecustomize that a RECORD claims", "dev", contents(hooks=[
        {"path": f"{SITE}/sitecustomize.py", "layer": 2, "distribution": "ktrdr", "text": ""}])),
    Breakage("python-unaltered", "another standard library", "dev", contents(
        environments={"/opt/venv/pyvenv.cfg": "home = /opt/evil/bin\n"})),
    Breakage("python-unaltered", "another place to search", "dev", lambda facts: (
        facts.report("environment")["path"].insert(1, "/opt/evil/lib/python3.11"))),
    Breakage("user", "root without a password", "dev", contents(accounts=["/etc/passwd: root has no password"])),
    Breakage("user", "a setuid program", "dev", contents(privileged=["/usr/local/bin/run-as"])),
    Breakage("server-answers", "another program", "dev", lambda facts: answered(facts, routes=[["GET", "/x"]])),
    Breakage("server-answers", "routes that are none", "dev", lambda facts: answered(facts, routes="all of them")),
    Breakage("lazy-server", "memory that cannot be read", "dev", lambda facts: answered(facts, unreadable=1)),
    Breakage("python-unaltered", "a replaced library", "dev", layer(3, replaced=["/usr/lib/libc.so.6"])),
    Breakage("distributions-agree", "hidden from Python", "dev", lambda facts: (
        distribution("hidden", "1.0", seen=False)(facts), facts.locked.update(hidden="1.0"))),
    Breakage("distributions-agree", "from elsewhere", "dev", lambda facts: (
        facts.report("environment")["distributions"].append(["foreign", "1.0", "/elsewhere"]))),
    Breakage("cuda-libraries-agree", "from elsewhere", "worker-gpu", report(
        "pytorch", libraries=["/elsewhere/libcudart.so.13"])),
    Breakage("lock-parity", "a RECORD that was written anew", "dev", lambda facts: (
        facts.part("contents")["distributions"][0].update(record="another")), "CONFIGURATION"),
    Breakage("lock-parity", "another version", "dev", distribution("fastapi", "0.1", instead=True), "CONFIGURATION"),
    Breakage("lock-parity", "another torch", "worker-cpu", lambda facts: facts.locked.update(safetensors="9"),
             "CONFIGURATION"),
    Breakage("lock-parity", "one too many", "dev", distribution("extra", "1.0"), "CONFIGURATION"),
    Breakage("lock-parity", "one missing", "dev", lambda facts: facts.locked.update(absent="1.0"), "CONFIGURATION"),
    Breakage("lock-parity", "a file missing", "dev",
        contents(absent={f"{SITE}/torch-2.13.0+cpu.dist-info": [f"{SITE}/torch/nn/init.py"]}), "CONFIGURATION"),
    Breakage("lock-parity", "a file that is nobody's", "dev", contents(unowned={f"{SITE}/requests/__init__.py": 2}),
        "CONFIGURATION"),
    Breakage("lock-parity", "a source that was changed", "dev", contents(altered=[f"{SITE}/idna/core.py"]),
        "CONFIGURATION"),
    Breakage("lock-parity", "one twice", "dev", distribution("uvicorn", "0.54.0"), "CONFIGURATION"),
    Breakage("size-total", "1.6 GB", "dev", layer(0, unpacked_bytes=700_000_000)),
    Breakage("size-added", "25 MB", "backend", layer(1, unpacked_bytes=25_000_000), with_it=("size-growth",)),
    Breakage(
        "size-growth", "pandas", "dev", layer(1, unpacked_bytes=41_000_000, by_distribution={"pandas": 41_000_000})
    ),
    Breakage("no-repeated-bytes", "a late chown", "dev", layer(3, repeated_bytes=1_000_001)),
    Breakage("leftovers", "hidden in the verifier's containers", "dev", contents(leftovers=[
        {"kind": "temporary", "path": "/tmp/lies.py", "layer": 1}])),
    Breakage("leftovers", "a key", "dev", contents(leftovers=[{"kind": "private key", "path": "/k", "layer": 1}])),
    Breakage("history", "a token", "dev", subject(history=["ARG GITHUB_TOKEN=abc"])),
    Breakage("history", "a proxy", "dev", lambda facts: variable(facts, "https_proxy", "http://p:1"),
        with_it=("configuration",)),
    Breakage("history", "a credential", "dev", subject(history=["RUN pip install -i https://me:word@host/simple"])),
    Breakage("history", "a package source", "dev", lambda facts: variable(facts, "UV_INDEX", "https://host/simple"),
        with_it=("configuration",)),
    Breakage("history", "a label", "dev", lambda facts: facts.part("subject")["labels"].update(API_KEY="abc"),
        with_it=("configuration",)),
    Breakage("cuda-distributions", "beside CPU torch", "worker-cpu", lambda facts: (
        distribution("nvidia-cublas", "13.0")(facts), facts.locked.update({"nvidia-cublas": "13.0"}))),
    Breakage("cuda-libraries", "beside CPU torch", "worker-cpu", contents(cuda_libraries=[library("libnccl.so.2")])),
    Breakage("cuda-libraries", "beside no torch", "backend", contents(cuda_libraries=[library("libnccl.so.2")])),
    Breakage("cuda-libraries", "by what is in it", "worker-cpu", contents(cuda_code={"/x.so": "has code for a GPU"})),
    Breakage("cuda-libraries", "one missing", "worker-gpu", lambda facts: (
        facts.part("contents")["cuda_libraries"].pop())),
    Breakage("cuda-libraries", "one twice", "worker-gpu", lambda facts: (
        facts.part("contents")["cuda_libraries"].append(library("libcublas.so.13", "/elsewhere")))),
]  # fmt: skip
PYTORCH = [
    Breakage("torch", "in the backend", "backend", imported_torch),
    Breakage("torch", "hidden in the backend", "backend", contents(torch=["/opt/ml/torch/__init__.py"])),
    Breakage("torch", "broken in the backend", "backend", report("pytorch", error_type="OSError", missing=None)),
    Breakage("torch", "not in the worker", "worker-cpu", instead("pytorch", pytorch("absent")),
        with_it=("torch-version", "torch-build", "torch-works", "cuda-runtime")),
    Breakage("torch", "not its distribution's", "worker-cpu", report("pytorch", file="/elsewhere/torch/__init__.py")),
    Breakage("torch-version", "empty", "worker-cpu", report("pytorch", version="")),
    Breakage("torch-version", "none", "worker-cpu", report("pytorch", version="unknown")),
    Breakage("torch-version", "not the metadata's", "worker-cpu", report("pytorch", metadata_version="2.12.0")),
    Breakage("torch-version", "no metadata", "worker-cpu", report("pytorch", metadata_version=None)),
    Breakage("torch-build", "CUDA in a CPU image", "worker-cpu", report("pytorch", cuda_build="13.0")),
    Breakage("torch-build", "CUDA by its label", "worker-cpu", report("pytorch", version="2.13.0+cu130")),
    Breakage("torch-build", "ROCm in a CPU image", "worker-cpu", report("pytorch", hip_build="6.2")),
    Breakage("torch-build", "CPU in the GPU image", "worker-gpu", report("pytorch", cuda_build=None)),
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
APPLICATION = [
    Breakage("api-imports", "an error", "backend", instead("application", {
        "imported": False, "loaded_before": loaded(), "attempts": [], "processes": [],
        "import_error": {"type": "ImportError", "traceback": "line 5"}})),
    Breakage("api-is-fastapi", "something else", "backend", report("application", is_fastapi=False, kind="flask")),
    Breakage("api-routes", "too few", "backend", lambda facts: facts.report("application")["routes"].__delitem__(
        slice(5, None)), with_it=("server-answers",)),
    Breakage("api-routes", "no health", "backend", lambda facts: facts.report("application")["routes"].pop(0),
        with_it=("server-answers",)),
    Breakage("api-new-modules", "none loaded", "backend", report("application", new_modules=50)),
    Breakage("api-starts", "start-up fails", "backend", report(
        "application", started=False, start_error="RuntimeError: no store", health=None, loaded_after_use=None)),
    Breakage("api-answers", "a 500", "backend", answers({"GET /x": 500})),
    Breakage("api-answers", "no answer", "backend", answers({"GET /x": 0})),
    Breakage("api-answers", "health 503", "backend", report(
        "application", health={"status": 503, "body": '{"status": "x"}'})),
    Breakage("api-answers", "health without status", "backend", report(
        "application", health={"status": 200, "body": "{}"})),
    Breakage("api-answers", "requests broke off", "backend", report(
        "application", error={"type": "TimeoutError", "traceback": "line 5"})),
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
GPU = [
    Breakage("gpu-present", "torch cannot be imported", "worker-gpu", instead("gpu", {
        "imported": False, "error": "OSError"}), gpu=True, with_it=(
            "gpu-matrix-product", "gpu-training-step", "gpu-libraries", "gpu-error-raised")),
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


EVERY = [*SUBJECT, *CONFIGURATION, *CONTENTS, *PYTORCH, *APPLICATION, *SERVER, *GPU]
