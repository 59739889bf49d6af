"""Pages of two origins and a backend at an address that is not loopback, in a real browser."""

import json
import os
import shutil
import subprocess
import sys
from typing import Any

import pytest

from tests.browser.two_origins import NETWORK

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("ip"),
    reason="NOT TESTED: a network of its own needs root, unshare and ip",
)


@pytest.fixture(scope="module")
def found(chromium_program: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.browser.two_origins", chromium_program]
    folder = str(tmp_path_factory.mktemp("origins") / "data")
    done = subprocess.run([*NETWORK, *command, folder], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_a_foreign_page_changes_nothing_and_reads_nothing(found: dict[str, Any]) -> None:
    assert found["symbols"] == ["GOOD"]
    assert found["foreign reading"] is False
    assert found["foreign form"] == 403
    assert found["foreign upload with CORS"] == "no answer"


def test_the_backend_s_own_page_may_do_both(found: dict[str, Any]) -> None:
    assert (found["own upload"], found["own reading"]) == ("201", True)


def test_each_request_of_the_foreign_page_came_and_was_refused(found: dict[str, Any]) -> None:
    assert found["statuses"] == ["403", "403", "403", "403", "201"]
