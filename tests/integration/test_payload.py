"""The payload's own tests that need torch, run inside the development image with the tools that it brings."""

import io
import re
import tarfile
import uuid
from pathlib import Path

from tests.integration.conftest import Images, execute

PAYLOAD = Path(__file__).parent / "payload"
SECONDS = 300.0
IN_IMAGE = """
import sys, tarfile
tarfile.open(fileobj=sys.stdin.buffer, mode="r|").extractall("/tmp/payload")
import pytest
options = ["-q", "-p", "no:cacheprovider", "--import-mode=importlib", "--rootdir=/tmp/payload"]
sys.exit(pytest.main([*options, "/tmp/payload"]))
"""


def archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path in sorted(PAYLOAD.glob("*.py")):
            tar.add(path, path.name)
    return buffer.getvalue()


def test_the_payloads_torch_tests_pass_inside_the_development_image(images: Images) -> None:
    name = f"ktrdr-try-payload-{uuid.uuid4().hex[:8]}"
    command = [*images.engine.command(), "run", "--rm", "--interactive", "--network=none", "--name", name]
    try:
        ended = execute(*command, images.id_of("dev"), "python", "-c", IN_IMAGE, given=archive(), seconds=SECONDS)
    finally:
        execute(*images.engine.command(), "rm", "--force", "--volumes", name)  # gone, unless a deadline struck
    assert ended.code == 0, ended
    passed = re.search(r"^(\d+) passed", ended.printed.splitlines()[-1])
    written = sum(path.read_text(encoding="utf-8").count("\ndef test_") for path in PAYLOAD.glob("*.py"))
    assert passed, ended
    assert int(passed[1]) >= written > 0, ended
