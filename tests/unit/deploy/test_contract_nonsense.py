"""What has the form of a contract and makes no sense is told, with its key, its value and the next step."""

import re
from typing import Any

import pytest

from deploy.contract_file import contract_mistakes
from tests.support.contracts import shipped, with_value

WHY = "a good reason"
HEALTHCHECK = shipped()["configuration"]["healthcheck"]
SYSTEM = ("/opt/venv", "/opt/venv/lib", "/opt", "/usr", "/usr/local/share", "/etc", "/etc/ktrdr", "/proc", "/sys",
          "/dev", "/dev/shm", "/root", "/bin", "/boot", "/lib", "/lib64/x", "/sbin")  # fmt: skip
CROOKED = ("/data/..", "/home/../etc", "/.", "/data/./x", "/..")
NO_DIRECTORY = ("/", "/data/", "//data", "/d\u0661ta")
PATTERNS = [
    ("/*", "write its first two names without * alone"),
    ("/*/*", "write its first two names without * alone"),
    ("/*/venv/x", "write its first two names without * alone"),
    ("/op*/venv/x", "write its first two names without * alone"),
    ("/opt/*", "write its first two names without * alone"),
    ("/opt/**/bin/x", "write its first two names without * alone"),
    ("/opt/venv/bin/*", "it excuses everything in a directory of others"),
    ("/opt/venv/bin/**", "it excuses everything in a directory of others"),
    ("/usr/lib/*", "it excuses everything in a directory of others"),
    ("/srv/own/site-packages/*", "it excuses everything in a directory of others"),
    ("/srv/own/dist-packages/*", "it excuses everything in a directory of others"),
    ("/opt/v*/bin/*", "it excuses everything in many directories"),
    ("/srv/own/*/*", "it excuses everything in many directories"),
    ("/srv/../etc/x", "write the path without . and .."),
    ("/srv/./x", "write the path without . and .."),
]
STOPPED = "write a signal's name, for example SIGTERM, or its number"
DEAF = "no server can heed this signal"
FOR_CPUS, FOR_CUDA = (
    "contradicts cuda_expected; name CPU builds alone",
    "contradicts cuda_expected; name CUDA builds alone",
)
ROWS: list[tuple[str, Any, str]] = [
    *(
        (key, path if key.endswith("directory") else [path], told)
        for key in ("images.dev.writable", "configuration.volumes", "configuration.working_directory")
        for paths, told in (
            (SYSTEM, "it is the system's or the environment's; name one of the application's own"),
            (CROOKED, "write the path without . and .."),
            (NO_DIRECTORY, "write a directory from the root, for example /data"),
        )
        for path in paths
    ),
    ("configuration.user", "0:0", "user 0 is root; name another"),
    ("configuration.user", "0:10001", "user 0 is root; name another"),
    ("configuration.user", "00:00", "write a user and a group by number"),
    ("configuration.user", "4294967295:1", "write numbers of 4294967294 at most"),
    ("configuration.user", "1:4294967295", "write numbers of 4294967294 at most"),
    ("configuration.user", "\u0661:\u0661", "write a user and a group by number"),
    ("python", "3.\u0661\u0661", "write a version of Python in two parts"),
    ("python", "3.011", "write a version of Python in two parts"),
    ("images.dev.added_at_most", "\u0661 MB", "write a size above zero"),
    ("images.dev.added_at_most", "0.1 B", "write a size above zero"),
    ("images.dev.total_at_most", "1000.1 GB", 'write "1000 GB" at most'),
    ("serving.log_at_most", "1001 GB", 'write "1000 GB" at most'),
    ("images.dev.torch_builds", ["cu130"], FOR_CPUS),
    ("images.dev.torch_builds", ["cpu", "rocm6"], FOR_CPUS),
    ("images.worker-gpu.torch_builds", ["cpu"], FOR_CUDA),
    ("images.worker-gpu.torch_builds", ["cu130", "cpu"], FOR_CUDA),
    ("images.worker-cpu.worker_types", ["training", "training"], "'training' is there twice; name each once"),
    ("images.worker-gpu.gpu_architectures", ["sm_90", "sm_90"], "'sm_90' is there twice; name each once"),
    ("images.dev.torch_builds", ["cpu", "cpu"], "'cpu' is there twice; name each once"),
    ("images.dev.writable", ["/data", "/data"], "'/data' is there twice; name each once"),
    ("images.dev.extras", ["ml", "ml"], "'ml' is there twice; name each once"),
    ("images.dev.packages", ["tini", "tini"], "'tini' is there twice; name each once"),
    ("images.dev.configuration.ports", ["8000/tcp", "8000/tcp"], "'8000/tcp' is there twice; name each once"),
    ("application.heavy", ["torch", "torch"], "'torch' is there twice; name each once"),
    ("application.commands", ["ktrdr", "ktrdr"], "'ktrdr' is there twice; name each once"),
    ("application.heavy", ["sklearn"], "images.backend has no torch, so the application must not import it; add it"),
    ("application.heavy", ["torch", "ktrdr"], "ktrdr is the application's own package; remove it"),
    ("application.heavy", ["torch", "torch.nn"], "write the name under which a package is imported, without a dot"),
    ("application.heavy", ["torch", "json"], "it is of Python's standard library; name a package"),
    ("application.heavy", ["torch", "class"], "'class' is a word of Python's own; correct the name"),
    ("application.module", "class.def", "'class' is a word of Python's own; correct the name"),
    ("application.module", "os", "it is of Python's standard library; name a package"),
    ("application.module", "os.path", "it is of Python's standard library; name a package"),
    ("application.attribute", "class", "'class' is a word of Python's own; correct the name"),
    ("application.health", "/a b", "write a path, for example /api/v1/health"),
    ("application.late_import_seconds", float("nan"), "write a finite number"),
    ("serving.rest_seconds", float("inf"), "write a finite number"),
    ("images.dev.health", "http://127.0.0.1:0/x", "write an address within the container"),
    ("images.dev.health", "http://127.0.0.1:65536/x", "write an address within the container"),
    ("images.dev.health", "http://127.0.0.1:99999/x", "write an address within the container"),
    ("images.dev.health", "http://127.0.0.1:8000/a b", "write an address within the container"),
    ("images.dev.health", "http://127.0.0.1:9000/x", "9000/tcp is not in images.dev.configuration.ports; add it"),
    ("images.dev.configuration.ports", ["0/tcp"], "write a port from 1 to 65535 and its protocol"),
    ("images.dev.configuration.ports", ["65536/tcp"], "write a port from 1 to 65535 and its protocol"),
    ("images.dev.configuration.ports", ["99999/tcp"], "write a port from 1 to 65535 and its protocol"),
    ("images.dev.configuration.ports", ["\u0661/tcp"], "write a port from 1 to 65535 and its protocol"),
    ("images.dev.limits.memory", "6 MB", 'write "6.3 MB" or more: a Docker Engine takes 6 MiB at least'),
    ("images.dev.limits.processors", 0, "write a number above 0"),
    ("images.dev.limits.processors", -1, "write a number above 0"),
    ("images.dev.limits.processors", float("inf"), "write a finite number"),
    ("images.dev.limits.processors", float("nan"), "write a finite number"),
    ("images.dev.limits.processes", 4_194_305, "write 4194304 at most"),
    ("serving.exit_code", 256, "write 255 at most"),
    *(
        ("configuration.stop_signal", name, STOPPED)
        for name in ("SIGNONE", "term", "0", "65", "-1", "\u0669", "SIG", "007")
    ),
    *(("configuration.stop_signal", name, DEAF) for name in ("SIGKILL", "KILL", "9", "SIGSTOP", "STOP", "19")),
    *(
        (f"configuration.{table}", {name: "x"}, "write a name without spaces and =")
        for table in ("environment", "labels")
        for name in ("", "A=B", "A B", "A\0")
    ),
    ("configuration.environment", {"A": "x\0"}, "write a text without the character NUL"),
    ("configuration.labels", {"a": "x\0"}, "write a text without the character NUL"),
    ("images.dev.configuration.command", ["a\0"], "write a text without the character NUL"),
    *(
        ("configuration.healthcheck.command", words, "it asks no server; write the words before the address")
        for words in (["true"], [":"], ["/bin/true"], ["echo", "well"], ["exit", "0"], ["NONE"])
    ),
    ("configuration.healthcheck.interval.at_most", float("inf"), "write a finite number"),
    ("configuration.healthcheck.timeout.at_most", float("inf"), "write a finite number"),
    ("configuration.healthcheck", {**HEALTHCHECK, "timeout": {"at_least": 1, "at_most": 31}},
     "timeout.at_most cannot exceed interval.at_most"),
    ("configuration.healthcheck.retries", {"at_least": 1.5, "at_most": 3}, "write whole numbers, not 1.5"),
    ("configuration.healthcheck.retries", {"at_least": 1, "at_most": 2.5}, "write whole numbers, not 2.5"),
    *(
        ("images.dev.dockerfile", path, "write a path from the checkout without . and ..")
        for path in ("../../x", "deploy/../x", "./Dockerfile", "deploy//Dockerfile", "deploy/")
    ),
    ("images.dev.dockerfile", "/etc/x", "write a path from the checkout, for example"),
    ("images.dev.description", "two\nlines", "write one line of text"),
    ("images.dev.description", " ", "write one line of text"),
    ("images.dev.description", "", "write one line of text"),
    ("platform", "linux/arm64", "write 'linux/amd64': images have no other platform"),
    ("platform", ["linux/amd64"], "write 'linux/amd64': images have no other platform"),
    ("schema", 1.0, "this version reads schema 1"),
    *(("images.dev.files", {pattern: WHY}, told) for pattern, told in PATTERNS),
    *(("images.dev.duplicate_libraries", [{"path": pattern, "reason": WHY}], told) for pattern, told in PATTERNS),
    ("images.dev.duplicate_libraries", [{"path": "*", "reason": WHY}], "write a path from the root"),
    *(
        ("images.dev.files", {"/srv/x": {"kind": "link", "target": target, "reason": WHY}}, "begin with the name")
        for target in ("*", "*/x", "/*", "../*", "x\0")
    ),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value", "told"), ROWS)
def test_nonsense_is_told_with_its_key_its_value_and_the_next_step(key: str, value: Any, told: str) -> None:
    (mistake,) = contract_mistakes(with_value(key, value))
    assert re.match(rf"{re.escape(key)}.* = .*: .*{re.escape(told)}", mistake), mistake


SENSE: list[tuple[str, Any]] = [
    *(("images.dev.writable", [path]) for path in ("/data", "/app/var", "/opt/ktrdr", "/opt/venv2", "/var/lib/ktrdr")),
    *(("configuration.user", user) for user in ("1:0", "4294967294:4294967294")),
    *(("configuration.stop_signal", name) for name in ("", "SIGINT", "INT", "15", "64", "SIGRTMIN")),
    *(("images.dev.torch_builds", builds) for builds in (["cpu"], ["cpu", "cpu.cxx11"])),
    ("images.worker-gpu.torch_builds", ["cu128", "cu130"]),
    ("images.dev.configuration.ports", ["65535/udp", "8000/tcp"]),
    ("images.dev.limits.memory", "6.3 MB"),
    ("images.dev.limits.processes", 4_194_304),
    ("images.dev.total_at_most", "1000 GB"),
    ("application.heavy", ["torch", "Torch"]),
    ("configuration.healthcheck", {**HEALTHCHECK, "timeout": {"at_least": 1, "at_most": 30}}),
    ("serving.exit_code", 255),
    *(
        ("images.dev.files", {path: WHY})
        for path in ("/opt/tools/*", "/app/*.toml", "/opt/venv/lib/*/site-packages/x.pth")
    ),
    ("images.dev.files", {"/srv/x": {"kind": "link", "target": "../lib*", "reason": WHY}}),
]


@pytest.mark.parametrize(("key", "value"), SENSE)
def test_what_is_just_within_a_bound_is_accepted(key: str, value: Any) -> None:
    assert contract_mistakes(with_value(key, value)) == []
