"""For every check an image, or an observation, that breaks it: a check that nobody has seen fail does not exist."""

from functools import partial
from typing import Any

from tests.support.breakage import Breakage
from tests.support.breakages_running import APPLICATION, GPU, PLATFORM, PYTORCH, SERVER, SERVING, WORKERS
from tests.support.cases import SITE, Facts, library
from tests.support.changes import (
    answered,
    application,
    contents,
    distribution,
    installed,
    label,
    layer,
    nothing_seen,
    other_interpreter,
    probes,
    record,
    report,
    stray,
    subject,
    tried,
    variable,
    without,
)


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
    *(
        Breakage("control", words, "dev", without("control", control={"reference": "base:1", "error": words}),
                 "ENVIRONMENT", "ERROR")
        for words in ("the engine: mkdir /sys/fs/cgroup/docker: permission denied", "it ended with 255: no new program")
    ),
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
    Breakage("user", "it may not read what it runs", "dev", contents(unreadable={"/opt/venv/lib/x.py": 3})),
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
            "author": "somebody",
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
        Breakage("interpreter", f"PATH has {directory!r}", "dev", partial(
            variable, name="PATH", value=f"/opt/venv/bin:{directory}:/usr/bin"), with_it=("configuration",))
        for directory in ("", "bin", "/proc/self/cwd", "/tmp", "/data/bin", "/home/ktrdr/.local/bin")
    ),
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
    Breakage("leftovers", "a package of the base is gone", "dev", contents(spoilt={"package bash (gone)": 3})),
    Breakage("user", "root without a password", "dev", contents(accounts=["/etc/passwd: root has no password"])),
    Breakage("user", "a setuid program", "dev", contents(privileged={"/usr/local/bin/run-as": 3})),
    Breakage("server-answers", "another program", "dev", lambda facts: answered(facts, routes=[["GET", "/x"]])),
    Breakage("server-answers", "routes that are none", "dev", lambda facts: answered(facts, routes="all of them")),
    Breakage("lazy-server", "memory that cannot be read", "dev", lambda facts: answered(facts, unreadable=1)),
    Breakage("python-unaltered", "a replaced library", "dev", layer(3, replaced={"/usr/lib/libc.so.6": 0})),
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
    Breakage("lock-parity", "a file that is nobody's", "dev", stray(f"{SITE}/requests/__init__.py"), "CONFIGURATION"),
    Breakage("lock-parity", "a source that was changed", "dev", contents(altered={f"{SITE}/idna/core.py": 3}),
        "CONFIGURATION"),
    Breakage("lock-parity", "one twice", "dev", distribution("uvicorn", "0.54.0"), "CONFIGURATION"),
    Breakage("size-total", "1.6 GB", "dev", layer(0, unpacked_bytes=700_000_000)),
    Breakage("size-added", "25 MB", "backend", layer(1, unpacked_bytes=25_000_000), with_it=("size-growth",)),
    Breakage(
        "size-growth", "pandas", "dev", layer(1, unpacked_bytes=41_000_000, by_distribution={"pandas": 41_000_000})
    ),
    Breakage("no-repeated-bytes", "a late chown", "dev", layer(3, repeated_bytes=1_000_001)),
    Breakage("leftovers", "hidden in the verifier's containers", "dev", stray("/tmp/lies.py")),
    Breakage("leftovers", "a cache", "dev", stray("/root/.cache/uv/archive-v0/a/b", top="/root/.cache")),
    Breakage("leftovers", "a device", "dev", stray("/srv/device", kind="device", bytes=0)),
    Breakage("leftovers", "an empty directory", "dev", stray("/home/ktrdr/closed", kind="directory", bytes=0)),
    Breakage("leftovers", "deleted later", "dev", stray("/srv/src/notes", gone=True)),
    Breakage("leftovers", "a package that nobody named", "dev", installed("binutils")),
    Breakage("leftovers", "an allowance that nothing uses", "dev", lambda facts: (
        facts.part("contents")["others"].pop())),
    Breakage("checkout-parity", "another content", "dev", application("api/page/static/curve.js", "f" * 64)),
    Breakage("checkout-parity", "a file too many", "dev", application("api/notes.txt", "f" * 64)),
    Breakage("checkout-parity", "a file missing", "dev", lambda facts: facts.sources.update({"more.py": "f" * 64})),
    Breakage("checkout-parity", "no file at all", "dev", contents(application={})),
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
    Breakage("leftovers", "the driver's", "worker-gpu", stray("/usr/lib/libcuda.so.1", bytes=0)),
    Breakage("leftovers", "the driver's program", "backend", stray("/usr/bin/nvidia-smi")),
    Breakage("cuda-libraries", "one twice", "worker-gpu", lambda facts: (
        facts.part("contents")["cuda_libraries"].append(library("libcublas.so.13", "/elsewhere")))),
]  # fmt: skip
EVERY = [*SUBJECT, *CONFIGURATION, *CONTENTS, *PLATFORM, *PYTORCH, *WORKERS, *APPLICATION, *SERVER, *SERVING, *GPU]
