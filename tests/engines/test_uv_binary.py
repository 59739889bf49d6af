"""A uv for another processor really comes from the package index, and is that processor's."""

import os
from pathlib import Path

import pytest

from deploy.build.uv_binary import uv_binary
from tests.engines.test_podman import MINUTES
from tests.support.checkout import PROJECT
from verify.contents import elf

pytestmark = pytest.mark.skipif(not os.environ.get("KTRDR_ENGINES"), reason=MINUTES)


def test_the_locked_uv_of_linux_on_arm64_is_fetched(tmp_path: Path) -> None:
    with uv_binary("linux/arm64", PROJECT.lock, tmp_path).open("rb") as program:
        head = program.read(20)
    assert elf.MACHINES[(head[4:6] + head[18:20]).hex()] == "aarch64"
