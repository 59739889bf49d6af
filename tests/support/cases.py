"""Evidence on an image that is as its role demands, to be spoilt by the tests of the judge, a fact at a time."""

import posixpath
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from deploy.build_record import BuildRecord
from deploy.contract import Contract, Image
from deploy.left_out import LeftOut
from tests.support.checkout import read_contract
from tests.support.paths_above import REQUIRERS, SOURCES, above
from verify.contents.model import Contents
from verify.judge.case import Case
from verify.judge.difference import ImageBaseline
from verify.judge.judge import judge, judge_gpu
from verify.judge.verdict import Finding, Verdict
from verify.observe.model import Observation

SIZES = {"worker-gpu": 4_800_000_000, "backend": 0}  # bytes of PyTorch's layer, made up; others have 700 MB


def _with_budgets(contract: Contract) -> Contract:
    """The contract with budgets for the made-up sizes, whatever the real images have shrunk to."""
    added = {role: SIZES.get(role, 700_000_000) + 160_000_000 for role in contract.roles} | {"backend": 24_500_000}
    total = {role: bound + 134_000_000 for role, bound in added.items()}
    bounds = {role: {"added_at_most": added[role], "total_at_most": total[role]} for role in contract.roles}
    images = {role: image.model_copy(update=bounds[role]) for role, image in contract.images.items()}
    return contract.model_copy(update={"images": images})


CONTRACT = _with_budgets(read_contract())
ROLES = CONTRACT.roles
SITE = "/opt/venv/lib/python3.11/site-packages"
BASE, LAYERS = "sha256:base", ["sha256:base", "sha256:core", "sha256:torch", "sha256:application"]
IMAGE, IDENTITY = "sha256:image", "sha256:identity"
PYTHON = "/usr/local/bin/python3.11"
CORE = {"fastapi": "0.165.0", "uvicorn": "0.54.0"}
TORCH = {"torch": "2.13.0", "safetensors": "0.8.0"}
CUDA = {"nvidia-cublas": "13.0", "nvidia-cudnn-cu13": "9.1", "cuda-bindings": "13.0", "triton": "3.7"}
NEEDED = ["libcudart.so.13", "libcublas.so.13", "libcudnn.so.9", "libnccl.so.2", "libtorch_cuda.so"]
WORKERS = ("training", "backtest")
HEALTH = '{"status": "ok"}'
ARCHITECTURES = ("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120")
CUDA_HOME = f"{SITE}/nvidia/lib"


@dataclass
class Facts:
    """All that a case is made of, as plain values that a test may change before it asks for the verdict."""

    role: str
    subject: dict[str, Any] | None
    probes: dict[str, Any] | None
    server: dict[str, Any] | None
    contents: dict[str, Any] | None
    record: dict[str, Any] | None
    locked: dict[str, str]
    baseline: dict[str, Any] | None
    gpu: dict[str, Any] | None = None
    control: dict[str, Any] | None = field(default_factory=lambda: {"reference": "ktrdr-base:1"})
    error: str = ""
    gone: bool = False
    contents_error: str = ""
    record_error: str = ""
    contract: Contract = field(default_factory=lambda: CONTRACT)
    left_out: list[LeftOut] = field(default_factory=list)
    inputs: str | None = "c" * 64
    sources: dict[str, str] = field(default_factory=lambda: dict(SOURCES))
    repeats: list[dict[str, Any]] = field(default_factory=list)
    base: dict[str, Any] | None = None  # of an image that was not built here
    base_error: str = ""
    own: dict[str, Any] | None = None

    @property
    def image(self) -> Image:
        """The contract's words on this role."""
        return self.contract.images[self.role]

    def report(self, name: str) -> dict[str, Any]:
        """What a probe reported."""
        run = self.gpu if name == "gpu" else self.probes
        assert run is not None
        report: dict[str, Any] = run["results"][name]["report"]
        return report

    def part(self, name: str) -> dict[str, Any]:
        """One of the parts that is there in a good case."""
        value: dict[str, Any] = getattr(self, name)
        assert value is not None
        return value

    def case(self) -> Case:
        """The case that the judge gets."""
        parts = (
            "role", "subject", "probes", "server", "gpu", "control", "repeats", "own", "error", "gone",
            "contents_error", "base", "base_error",
        )  # fmt: skip
        observation = Observation.model_validate({"seconds": 7.0, **{part: getattr(self, part) for part in parts}})
        contents = None if self.contents is None else Contents.model_validate(self.contents)
        record = None if self.record is None else BuildRecord.model_validate(self.record)
        baseline = None if self.baseline is None else ImageBaseline.model_validate(self.baseline)
        seen = (observation, contents, record, self.record_error)
        known = (self.left_out, baseline, REQUIRERS, self.inputs)
        return Case(self.contract, self.image, *seen, self.locked, *known, sources=self.sources)

    def verdict(self) -> Verdict:
        """The verdict of the complete contract, or of the GPU contract where the GPU probe ran."""
        return (judge_gpu if self.gpu is not None else judge)(self.case(), "2026-11-21T10:00:00+00:00")

    def findings(self) -> dict[str, Finding]:
        return {finding.check: finding for finding in self.verdict().findings}


Change = Callable[[Facts], object]


def distributions(role: str) -> dict[str, str]:
    """What the lock demands of a role in these cases."""
    more = {"backend": {}, "worker-gpu": {**TORCH, **CUDA}}.get(role, TORCH)
    return {**CORE, **more, "ktrdr": "1.0.0"}


def held(role: str) -> Iterator[dict[str, Any]]:
    """The distributions in the layers: torch with its build's label, as its wheels have it."""
    for name, public in distributions(role).items():
        number = 3 if name == "ktrdr" else 1 if name in CORE else 2
        version = f"{public}+cpu" if name == "torch" and role != "worker-gpu" else public
        yield {
            "name": name,
            "version": version,
            "path": f"{SITE}/{name}-{version}.dist-info",
            "layer": number,
            "record": f"{name}'s",
        }


def many(*changes: Change) -> Change:
    """Changes, one after the other."""

    def change(facts: Facts) -> None:
        for one in changes:
            one(facts)

    return change


def good(role: str, change: Change | None = None) -> Facts:
    """A case in which every check of the role holds, changed by a test."""
    torch = CONTRACT.images[role].torch
    subject = {
        "tag": CONTRACT.images[role].name, "image_id": IMAGE, "identity": IDENTITY, "layers": LAYERS,
        "platform": CONTRACT.platform, "unhealthy_after": 75.0,
        "history": ['CMD ["serve"]', "RUN sh /mnt/sync.sh --no-dev"], **configured(role),
    }  # fmt: skip
    probes = {
        "nonce": "n" * 32, "proof": proof("c1"), "seconds": 6.5,
        "results": {
            "environment": ended(environment(role)),
            "commands": ended({"commands": {"ktrdr": {"outcome": "ended", "exit_code": 0, "printed": "usage: ktrdr"}}}),
            "pytorch": ended(pytorch(torch)),
            "application": ended(application()),
            "healthcheck": ended(healthcheck()),
        },
    }  # fmt: skip
    server = {
        "proof": proof("c2"), "health": "healthy", "running": True, "seconds_to_healthy": 1.5,
        "reply": f"{HEALTH}\n", "log": "INFO: started\n", "log_bytes": 14, "stop": {"allowed": 10.0, "took": 0.6},
        "asked": ended({"status": 200, "body": health_of(role), "ports": [port_of(role)], "datagrams": [],
                        "processes": 2, "unreadable": 0, "packages": ["yaml"],
                        "routes": application()["routes"], "listens": ["::"], "answers": application()["digests"],
                        "watched": 2, "attempts": [], "unwatched": [], "at_once": {"asked": 31, "refused": []},
                        "rest": {"busy": 0.004, "busiest": 0.0, "left": [], "written": [], "lax": 0, "exposed": [],
                                 "more": {"processes": 0, "threads": 3, "files": 2},
                                 "open_files": CONTRACT.images[role].limits.open_files, "refused": 0}}),
    }  # fmt: skip
    facts = Facts(role, subject, probes, server, contents(role), record(role), distributions(role), baseline(role))
    facts.repeats = [{**probes, "results": {"application": ended(application())}} for _ in range(2)]
    if change is not None:
        change(facts)
    return facts


def good_gpu(change: Change | None = None) -> Facts:
    """A case in which every check of the GPU contract holds, changed by a test."""
    facts = good("worker-gpu")
    facts.probes = facts.server = facts.contents = None
    facts.gpu = {"nonce": "g" * 32, "proof": proof("c3"), "seconds": 9.0, "results": {"gpu": ended(gpu())}}
    if change is not None:
        change(facts)
    return facts


def configured(role: str) -> dict[str, Any]:
    """How a role's image is configured: as the contract says, beside what its base image set."""
    image = CONTRACT.images[role]
    due, base = CONTRACT.configuration_of(image), record(role)["base"]
    assert due.healthcheck is not None
    return {
        "user": due.user, "working_directory": due.working_directory,
        "environment": {**base["environment"], **due.environment},
        "command": due.command, "entrypoint": [], "ports": due.ports,
        "healthcheck": ["CMD", *due.healthcheck.command, image.health],
        "healthcheck_numbers": {
            "interval": 10.0, "timeout": 5.0, "start_period": 60.0, "start_interval": 1.0, "retries": 3,
        },
        "labels": {
            **base["labels"], **due.labels, "org.opencontainers.image.revision": record(role)["source"]["revision"],
        },
    }  # fmt: skip


def proof(container: str) -> dict[str, Any]:
    return {
        "container_id": container, "image_id": IMAGE, "started": "2026-11-21T10:00:00Z",
        "finished": "2026-11-21T10:00:06Z", "exit_code": 0, "out_of_memory": False,
    }  # fmt: skip


def ended(report: dict[str, Any] | None, exit_code: int = 0) -> dict[str, Any]:
    return {"outcome": "ended", "exit_code": exit_code, "seconds": 1.0, "report": report}


def environment(role: str) -> dict[str, Any]:
    return {
        "uid": 10001, "gid": 10001, "may_write": [], "user": "ktrdr", "home": "/home/ktrdr", "home_is_writable": True,
        "working_directory": "/home/ktrdr", "executable": "/opt/venv/bin/python", "interpreter": PYTHON,
        "python": "3.11.9", "implementation": "CPython", "machine": "x86_64", "path": ["", SITE],
        "distributions": [[one["name"], one["version"], one["path"]] for one in held(role)],
    }  # fmt: skip


def pytorch(torch: str) -> dict[str, Any]:
    if torch == "absent":
        missing = "No module named 'torch'"
        return {"imported": False, "error_type": "ModuleNotFoundError", "error_message": missing, "missing": "torch"}
    cuda = torch == "cuda"
    return {
        "imported": True, "file": f"{SITE}/torch/__init__.py", "version": "2.13.0+cu130" if cuda else "2.13.0+cpu",
        "metadata_version": "2.13.0", "cuda_build": "13.0" if cuda else None,
        "builds": {"cuda": "13.0"} if cuda else {},
        "gpu_architectures": {"ok": True, "names": list(ARCHITECTURES) if cuda else []},
        "cuda_available": {"ok": True, "value": False}, "tensor": {"ok": True, "product": [[19.0, 22.0], [43.0, 50.0]]},
        "autograd": {"ok": True, "gradient": 12.0, "losses": [0.5, 0.4]}, "save_and_load": {"ok": True, "same": True},
        "libraries": [f"{CUDA_HOME}/libcudart.so.13"] if cuda else [f"{SITE}/torch/lib/libtorch_cpu.so"],
        "import_seconds": 2.5, "peak_bytes": 300_000_000,
        "workers": {kind: {"work": {"ok": True}, "start": {"ok": True, "names": [kind]}} for kind in WORKERS},
    }  # fmt: skip


def application() -> dict[str, Any]:
    paths = [CONTRACT.application.health, *(f"/api/v1/thing{number}" for number in range(12))]
    return {
        "imported": True, "import_seconds": 1.2, "import_peak_bytes": 48_000_000, "new_modules": 320,
        "is_fastapi": True, "kind": "fastapi.applications.FastAPI", "routes": [["GET", path] for path in paths],
        "started": True, "start_seconds": 0.2, "health": {"status": 200, "body": HEALTH},
        "answers": {f"GET {path}": 200 for path in paths}, "attempts": [],
        "digests": {f"GET {path}": "200 0123456789abcdef" for path in paths}, "processes": [],
        **{f"loaded_{when}": loaded() for when in ("before", "after_import", "after_start", "after_use")},
    }  # fmt: skip


def health_of(role: str) -> str:
    """What the server of a role answers when it is asked for its health."""
    return HEALTH if CONTRACT.serves_api(CONTRACT.images[role]) else '{"status": "ok", "worker_type": "training"}'


def port_of(role: str) -> int:
    return urlsplit(CONTRACT.images[role].health).port or 80


def healthcheck() -> dict[str, Any]:
    names = ("nobody", "failure", "unready", "moved", "missing", "stateless", "gone", "hung")
    wrong = {name: {"outcome": "ended", "exit_code": 1} for name in names}
    return {**wrong, "good": {"outcome": "ended", "exit_code": 0, "printed": HEALTH, "asked": 1}}


def loaded(*modules: str) -> dict[str, Any]:
    """What of the heavy packages is in memory."""
    return {"count": len(modules), "modules": list(modules), "libraries": []}


def attempt(package: str, phase: str) -> dict[str, Any]:
    """An attempt to import a heavy package, from a line of the application."""
    chain = [["/app/ktrdr/api/main.py", 1, "<module>"], ["/app/ktrdr/api/deep.py", 7, "load"]]
    return {"package": package, "phase": phase, "chain": chain}


def contents(role: str) -> dict[str, Any]:
    unpacked = [90_000_000, 20_000_000, SIZES.get(role, 700_000_000), 600_000]
    return {
        "schema": 1, "identity": IDENTITY,
        "layers": [
            {
                "diff_id": diff_id, "listing": f"listing of {diff_id}", "unpacked_bytes": size, "repeated_bytes": 0,
                "files": 10, "by_distribution": {"": size}, "replaced": {},
            }
            for diff_id, size in zip(LAYERS, unpacked, strict=True)
        ],
        "distributions": list(held(role)),
        "cuda_libraries": [library(name) for name in NEEDED] if role == "worker-gpu" else [],
        "cuda_code": {f"{CUDA_HOME}/{NEEDED[0]}": "has code for a GPU"} if role == "worker-gpu" else {},
        "interpreter": {"path": PYTHON, "layer": 0, "sha256": "a" * 64, "machine": "x86_64"},
        "working_directory": "/home/ktrdr",
        "environments": {"/opt/venv/pyvenv.cfg": f"home = {posixpath.dirname(PYTHON)}\n"}, "privileged": {},
        "absent": {}, "altered": {}, "broken": [], "uncompiled": {}, "torch": [], "accounts": [], "groups": {},
        "writable": {}, "unreadable": {}, "spoilt": {}, "hooks": [],
        **above(CONTRACT.files_of(CONTRACT.images[role]), SITE),
        "leftovers": [{"kind": "certificate", "path": "/etc/ssl/certs/ca-certificates.crt", "layer": 0}],
    }  # fmt: skip


def baseline(role: str) -> dict[str, Any]:
    """What an earlier run measured: the same."""
    base, *layers = contents(role)["layers"]
    return {
        "revision": "fedcba9876543210", "dirty": False, "started": "2026-11-20T10:00:00+00:00", "identity": IDENTITY,
        "base_bytes": base["unpacked_bytes"], "new_modules": 320,
        "layers": [{key: layer[key] for key in ("unpacked_bytes", "by_distribution")} for layer in layers],
        "versions": {one["name"]: one["version"] for one in held(role)},
        "records": {one["name"]: one["record"] for one in held(role)},
    }  # fmt: skip


def library(soname: str, directory: str = CUDA_HOME) -> dict[str, Any]:
    return {"soname": soname, "path": f"{directory}/{soname}", "bytes": 1000}


def record(role: str) -> dict[str, Any]:
    return {
        "schema": 4, "role": role, "tag": CONTRACT.images[role].name, "image_id": IMAGE, "identity": IDENTITY,
        "layers": LAYERS, "started": "2026-11-21T09:00:00+00:00", "seconds": 3.0,
        "steps": [], "source": {"revision": "0123456789abcdef", "dirty": True, "lock_sha256": "b" * 64},
        "inputs": "c" * 64,
        "base": {
            "reference": "python:3.11-slim-bookworm", "origin": "local", "layers": [BASE],
            "environment": {"PATH": "/usr/local/bin", "LANG": "C.UTF-8"}, "labels": {"maker": "the base's"},
            "ports": [], "shell": [], "stop_signal": "",
        },
        "torch_source": "none", "tools": {"buildx": "0.13.1"},
    }  # fmt: skip


def gpu() -> dict[str, Any]:
    compared = {"ok": True, "device": "cuda:0", "difference": 1e-6}
    return {
        "imported": True, "available": True, "torch_version": "2.13.0+cu130", "cuda_build": "13.0", "name": "H200",
        "capability": "9.0", "architectures": list(ARCHITECTURES), "memory_bytes": 150_000_000_000, "driver": "580.1",
        "matrix_product": dict(compared), "ktrdr_training": dict(compared),
        "training_step": {**compared, "losses": [1.1, 1.0, 0.9]},
        "error_raised": {"ok": True, "value": True}, "nccl": copies("libnccl.so.2", "2.27.3", "2.27.3"),
        "cudnn": copies("libcudnn.so.9", "9.1.0", "9.1.0.70"),
    }  # fmt: skip


def copies(name: str, version: str, installed: str) -> dict[str, Any]:
    directory = f"{SITE}/nvidia"
    return {"loaded": [f"{directory}/lib/{name}"], "version": version, "installed": installed, "directory": directory}
