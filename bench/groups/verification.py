"""The complete contract of the images, beside three others on the same images: shell, another tool, the bare floor."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import uv

from bench.checkout import ROOT
from bench.measure import Sample, alternate, run
from bench.model import Figure, Series
from bench.workplace import Workplace
from deploy.contract import Image
from deploy.errors import Problem

STEP = re.compile(r"^### Step (\d+): .*?^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPECIFICATION = "image-torch-availability.md"
TOOL = "container-structure-test"
TORCH = "import torch"
CPU_SECONDS = 10.5  # of all images together
EACH_PASSES = r"""
echo "$said"
for image; do
    if ! grep -q "^RESULT: $image - PASS" <<<"$said" || ! grep -q "^| $image | .*PASS |$" <<<"$said"; then
        echo "of $image, the steps or the table say no PASS"
        exit 1
    fi
done
"""
EACH_ENDS_AS_EXPECTED = """
failed=0
for container in $started; do
    wait "${container%=*}"
    code=$?
    if [ "$code" != "${container#*=}" ]; then
        echo "a container ended with $code, not ${container#*=}"
        failed=1
    fi
done
exit "$failed"
"""


def figures(place: Workplace) -> Iterator[Figure]:
    """Verify with contents known; in turn another tool, torch imported alone, and the specification's shell steps.

    Raises:
        Problem: after the other figures, where the specification is not there.

    """
    of = f"verify of {len(place.roles)}"
    others = {
        f"{TOOL}, one torch command an image": (1.0, _structure_tests(place)),
        "containers side by side that import torch": (2.2, _floor(place)),
    }
    missing: Problem | None = None
    try:
        others["the specification's shell steps"] = (0.5, shell_steps(place))
    except Problem as problem:
        missing = problem
    place.say(f"{of}, beside {len(others)} others")
    contenders = [(name, partial(_all, command)) for name, (_, command) in others.items()]
    ours, *beside = alternate(place.rounds, ("verify", partial(_verify, place)), *contenders)
    for (at_most, _), other in zip(others.values(), beside, strict=True):
        yield Figure(name=f"{of}, contents known", unit="s", ours=ours, other=other, at_most=at_most)
    busy = Series(what="verify", values=ours.cpu_seconds)
    goal = CPU_SECONDS if place.images == list(place.contract.images.values()) else None
    yield Figure(name=f"{of}, the whole machine's processors", unit="CPU s", ours=busy, at_most=goal)
    if missing:
        raise missing


def tool_version() -> str:
    """Return the version of the other tool, fetching it where it is not there yet.

    Raises:
        Problem: it cannot be fetched.

    """
    command = [*structure_test(), "version"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise Problem(f"fetching {TOOL}", done.stderr.strip(), "see whether the package index answers")
    return done.stdout.strip()


def structure_test() -> list[str]:
    """Return the command of the other tool, which uv fetches where it is not there yet."""
    return [uv.find_uv_bin(), "tool", "run", "--quiet", TOOL]


def _verify(place: Workplace) -> Sample:
    copy = place.directory / "verified"
    shutil.copytree(place.artifacts.root, copy, dirs_exist_ok=True)
    return run([sys.executable, "-m", "verify", *place.roles, "--artifacts", str(copy)])


def _all(command: list[str]) -> Sample:
    return run(command)


def shell_steps(place: Workplace) -> list[str]:
    """Return the specification's own steps for these images, and its table, one after another.

    Each step ends with 0, whatever became of its container: that all went well is read from what they say.
    """
    directory = Path(os.environ.get("KTRDR_SPECS") or ROOT.parent / "shared" / "specs")
    try:
        found = STEP.findall((directory / SPECIFICATION).read_text(encoding="utf-8"))
    except OSError as error:
        next_step = f"name the directory that holds {SPECIFICATION} in KTRDR_SPECS: the checkout does not bring it"
        raise Problem(
            "reading the specification whose shell steps `verify` is compared with", str(error), next_step
        ) from None
    wanted = [text for _, text in found if len(place.images) > 1 or place.images[0].name in text]
    steps = "\n".join(f"({text}\n)" for text in wanted[: len(place.images) + 1])
    return ["bash", "-c", f"said=$(\n{steps}\n){EACH_PASSES}", "bash", *(image.name for image in place.images)]


def _structure_tests(place: Workplace) -> list[str]:
    """Return the command that runs one torch command in each image, one after another."""
    lines = []
    for image in place.images:
        path = place.directory / f"{image.role}.json"
        path.write_text(json.dumps(_expectation(image)), encoding="utf-8")
        lines.append(f'"$@" test --image {image.name} --config {path}')
    return ["sh", "-ec", "\n".join(lines), "sh", *structure_test()]


def _expectation(image: Image) -> dict[str, object]:
    test: dict[str, object] = {
        "name": "torch",
        "command": "python",
        "args": ["-c", TORCH],
        "exitCode": _code(image),
    }
    return {"schemaVersion": "2.0.0", "commandTests": [test]}


def _code(image: Image) -> int:
    """Return what a Python that imports torch ends with in an image."""
    return 0 if image.torch != "absent" else 1


def _floor(place: Workplace) -> list[str]:
    """Return the command that imports torch in each image, side by side, and fails where one ends as it should not."""
    words = ("run", "--rm", "--network=none")
    lines = [f'"$@" {image.name} python -c "{TORCH}" & started="$started $!={_code(image)}"' for image in place.images]
    return ["sh", "-c", "\n".join(["started=", *lines]) + EACH_ENDS_AS_EXPECTED, "sh", *place.docker(*words)]
