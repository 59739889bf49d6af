"""The lazy-import specification on a checkout: the probe's word, the judge's rulings, and a running server."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from deploy.contract import Contract
from deploy.errors import Exit
from tests.support.checkout import PROJECT, ROOT, read_contract
from tests.support.probing import gone, there, write
from tests.support.servers import answering, nobody, silent, speaking
from verify.commands import lazy_imports
from verify.commands.lazy_imports import ask_server, server_port

GOOD = """
from contextlib import asynccontextmanager
from fastapi import FastAPI
app = FastAPI()
@app.get("/api/v1/health")
def health():
    return {"status": "ok"}
for number in range(12):
    app.get(f"/thing{number}")(lambda: 1)
"""
EAGER = "try:\n    import torch\nexcept ImportError:\n    torch = None\n" + GOOD


def contract() -> Contract:
    """The shipped contract for an application of the tests' own."""
    shipped = read_contract()
    application = shipped.application.model_copy(update={"module": "shop.api", "attribute": "app"})
    return shipped.model_copy(update={"application": application})


def examined(root: Path, text: str, port: str | None = None) -> tuple[Exit, str]:
    """Examine a checkout with this application; returns the exit code and what was printed."""
    write(root, {"shop/__init__.py": "", "shop/api.py": text})
    console = Console(file=(printed := io.StringIO()), width=200)
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(root), "KTRDR_API_PORT": port or nobody()}
    return lazy_imports.lazy_imports(
        replace(PROJECT, contract=contract(), root=root), console, environ
    ), printed.getvalue()


@pytest.fixture(scope="module")
def lazy(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Exit, str]:
    """What came of an application that is as it must be, which also writes into its data directory."""
    root = tmp_path_factory.mktemp("checkout")
    lines = "import os, pathlib\npathlib.Path(os.environ['KTRDR_DATA_DIR'], 'written').touch()\n"
    return (root, *examined(root, lines + GOOD))


def test_a_lazy_application_passes_without_a_server(lazy: tuple[Path, Exit, str]) -> None:
    _root, code, printed = lazy
    assert code == Exit.OK
    assert "SKIP      running-server" in printed
    assert printed.strip().endswith("lazy-imports: PASS")


@pytest.mark.parametrize("check", ["api-imports", "api-routes", "api-answers", "lazy-import", "lazy-start", "lazy-use"])
def test_every_check_of_the_specification_is_shown(lazy: tuple[Path, Exit, str], check: str) -> None:
    assert f"PASS      {check}" in lazy[2]


def test_what_needs_an_image_is_not_asked_of_a_checkout(lazy: tuple[Path, Exit, str]) -> None:
    assert "ERROR" not in lazy[2]


def test_the_baseline_is_told_on_a_line_of_its_own(lazy: tuple[Path, Exit, str]) -> None:
    assert lazy[2].splitlines()[0].startswith("BASELINE  torch in this environment: not installed")


def test_the_application_s_data_goes_nowhere_near_the_checkout(lazy: tuple[Path, Exit, str]) -> None:
    assert not list(lazy[0].rglob("written"))


def test_an_eager_import_fails_with_file_and_line_although_torch_is_not_installed(tmp_path: Path) -> None:
    code, printed = examined(tmp_path, EAGER)
    assert code == Exit.FAILED
    assert f"FAIL      lazy-import      import torch at {tmp_path}/shop/api.py:2" in printed
    assert "CODE_BUG" in printed


def test_an_eager_import_fails_where_a_torch_is_installed_too(tmp_path: Path) -> None:
    write(tmp_path, {"torch/__init__.py": "__version__ = '2.13.0'\n"})
    code, printed = examined(tmp_path, "import torch\nraise RuntimeError('that is enough')\n")
    assert code == Exit.FAILED
    assert "BASELINE  torch in this environment: version 2.13.0" in printed
    assert f"import torch at {tmp_path}/shop/api.py:1" in printed


def test_an_application_that_cannot_be_imported_fails_with_its_traceback(tmp_path: Path) -> None:
    code, printed = examined(tmp_path, "import no_such_package\n")
    assert code == Exit.FAILED
    assert "FAIL      api-imports" in printed
    assert "No module named 'no_such_package'" in printed


def test_a_running_server_is_asked_whatever_came_of_the_imports(tmp_path: Path) -> None:
    with answering(200, b"{}") as port:
        _code, printed = examined(tmp_path, "import no_such_package\n", port)
    assert "FAIL      running-server   HTTP 200 {}" in printed
    assert "ENVIRONMENT" in printed


def test_an_application_that_hangs_is_an_error_and_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lazy_imports, "SECONDS", 0.6)
    code, printed = examined(tmp_path, "import time\ntime.sleep(3)\n")
    assert code == Exit.UNAVAILABLE
    assert "ERROR     api-imports" in printed


INTERRUPTED = """
import sys
from pathlib import Path
from deploy import signals
from tests.unit.verify.commands.test_lazy_imports import examined
signals.accept()
examined(Path(sys.argv[1]), sys.argv[2])
"""


def test_interrupted_it_leaves_no_application_that_hangs(tmp_path: Path) -> None:
    text = "import os, time\nopen('hanging.pid', 'w').write(str(os.getpid()))\ntime.sleep(60)\n"
    command = [sys.executable, "-c", INTERRUPTED, str(tmp_path), text]
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL) as process:
        try:
            there(tmp_path / "hanging.pid")
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(20)
        finally:
            process.kill()
    assert gone(tmp_path / "hanging.pid")


@contextmanager
def server(kind: str) -> Iterator[str]:
    kinds = {
        "healthy": lambda: answering(200, b'{"status": "ok"}'),
        "without status": lambda: answering(200, b'{"ok": true}'),
        "no JSON": lambda: answering(200, b"status"),
        "unavailable": lambda: answering(503, b'{"status": "starting"}'),
        "not found": lambda: answering(404, b""),
        "no HTTP": lambda: speaking(b"SSH-2.0-OpenSSH_9.2\r\n"),
        "hangs up": lambda: speaking(b""),
        "silent": silent,
    }
    with kinds[kind]() as port:
        yield port


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("healthy", "PASS"), ("without status", "FAIL"), ("no JSON", "FAIL"), ("unavailable", "SKIP"),
        ("not found", "SKIP"), ("no HTTP", "SKIP"), ("hangs up", "SKIP"), ("silent", "SKIP"),
    ],
)  # fmt: skip
def test_a_running_server_is_judged_as_the_specification_says(
    monkeypatch: pytest.MonkeyPatch, kind: str, outcome: str
) -> None:
    monkeypatch.setattr(lazy_imports, "SERVER_SECONDS", 0.3)
    with server(kind) as port:
        assert ask_server(port).outcome == outcome


def test_without_a_server_the_check_is_skipped_and_says_how_to_start_one() -> None:
    ruling = ask_server(nobody())
    assert ruling.outcome == "SKIP"
    assert "docker run" in ruling.found


@pytest.mark.parametrize("code", [302, 404, 500, 503])
def test_a_server_that_answers_otherwise_is_not_said_not_to_run(code: int) -> None:
    with answering(code, b"") as port:
        ruling = ask_server(port)
    assert ruling.outcome == "SKIP"
    assert ruling.found == f"what runs on port {port} answers HTTP {code}, not 200: import checks still valid"


def test_the_host_s_proxy_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{nobody()}")
    with answering(200, b'{"status": "ok"}') as port:
        assert ask_server(port).outcome == "PASS"


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", "", " 80", "²"])
def test_what_is_no_port_is_an_error_of_the_configuration(port: str) -> None:
    ruling = ask_server(port)
    assert (ruling.outcome, ruling.category) == ("ERROR", "CONFIGURATION")
    assert repr(port) in ruling.found


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("KTRDR_API_PORT=8003\n", "8003"),
        ("export KTRDR_API_PORT=8003\n", "8003"),
        ("  KTRDR_API_PORT='8003'  # sandbox 3\n", "8003"),
        ('# KTRDR_API_PORT=1\nOTHER=2\nKTRDR_API_PORT="8003"\n', "8003"),
        ("KTRDR_API_PORT=1\nKTRDR_API_PORT=8003\n", "8003"),
        ("MY_KTRDR_API_PORT=1\n", "9000"),
        ("OTHER=1\n", "9000"),
    ],
)
def test_the_port_is_that_of_the_sandbox_as_a_shell_reads_it(tmp_path: Path, text: str, port: str) -> None:
    sandbox = tmp_path / ".env.sandbox"
    sandbox.write_text(text, encoding="utf-8")
    assert server_port({"KTRDR_API_PORT": "9000"}, sandbox) == port


def test_an_unreadable_line_of_the_sandbox_is_an_error_of_the_configuration(tmp_path: Path) -> None:
    sandbox = tmp_path / ".env.sandbox"
    sandbox.write_text('KTRDR_API_PORT="8003\n', encoding="utf-8")
    assert ask_server(server_port({}, sandbox)).outcome == "ERROR"


@pytest.mark.parametrize(
    ("environ", "port"), [({}, "8000"), ({"KTRDR_API_PORT": ""}, "8000"), ({"KTRDR_API_PORT": "1"}, "1")]
)
def test_without_a_sandbox_the_port_is_the_environment_s_or_8000(
    tmp_path: Path, environ: dict[str, str], port: str
) -> None:
    assert server_port(environ, tmp_path / ".env.sandbox") == port
