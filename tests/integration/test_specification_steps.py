"""The torch specification's own shell steps, verbatim from its file, on the images as they are."""

import os
import re
from pathlib import Path

import pytest

from tests.integration.conftest import Ended, Images, execute
from tests.support.checkout import ROOT

FILE = "image-torch-availability.md"
STEP = re.compile(r"^### Step (\d+): .*?^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SINGLE = {1: "backend", 2: "dev", 3: "worker-cpu", 4: "worker-gpu"}
SUMMARY = 5


def specifications() -> Path:
    """Return where the specifications lie: KTRDR_SPECS, else beside the checkout."""
    return Path(os.environ.get("KTRDR_SPECS") or ROOT.parent / "shared" / "specs")


@pytest.fixture(scope="module")
def steps() -> dict[int, str]:
    path = specifications() / FILE
    if not path.is_file():
        pytest.skip(f"the specification {path} is not there; KTRDR_SPECS names its directory")
    found = {int(number): script for number, script in STEP.findall(path.read_text(encoding="utf-8"))}
    assert sorted(found) == [*SINGLE, SUMMARY]
    return found


def run(script: str) -> Ended:
    ended = execute("bash", "-c", script)
    assert ended.code == 0, ended
    return ended


@pytest.mark.parametrize(("number", "role"), SINGLE.items())
def test_a_step_prints_pass_for_its_image(number: int, role: str, steps: dict[int, str], images: Images) -> None:
    images.need(role)
    ended = run(steps[number])
    name = images.contract.images[role].name
    assert f"=== Testing {name} ===" in ended.printed
    assert "PASS: torch" in ended.printed, ended
    assert re.search(rf"^RESULT: {re.escape(name)} - PASS", ended.printed, re.MULTILINE), ended
    assert "FAIL" not in ended.printed, ended


def test_the_summary_step_prints_pass_for_all_images(steps: dict[int, str], images: Images) -> None:
    for role in images.contract.roles:
        images.need(role)
    rows = [line for line in run(steps[SUMMARY]).printed.splitlines() if line.startswith("| ktrdr-")]
    cuda = images.verdicts["worker-gpu"].figures.cuda_build
    told = {
        "backend": "NO|N/A|PASS",
        "dev": "YES|NO|PASS",
        "worker-cpu": "YES|NO|PASS",
        "worker-gpu": f"YES|{cuda}|PASS",
    }
    assert rows == [f"| {images.contract.images[role].name} | {text} |" for role, text in told.items()]
