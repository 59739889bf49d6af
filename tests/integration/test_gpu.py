"""The GPU contract where there is no GPU: nothing passes that was not seen, and what is missing is named."""

import json
from pathlib import Path

import pytest

from deploy.artifacts import VERDICT, Artifacts
from tests.integration.conftest import Images, execute
from verify.judge.checks import GPU_CHECKS
from verify.judge.verdict import Verdict
from verify.observe.requests import source

DEVICE = Path("/dev/nvidiactl")
without_gpu = pytest.mark.skipif(DEVICE.exists(), reason=f"{DEVICE}: this host has a GPU; see `nox -s verify-gpu`")


@without_gpu
def test_without_a_gpu_the_gpu_contract_is_unverified_names_what_to_install_and_is_no_success(
    images: Images, tmp_path: Path
) -> None:
    images.need("worker-gpu")
    artifacts = images.copy_artifacts(tmp_path)
    ended = images.verify("--gpu", artifacts=artifacts)
    assert ended.code == 3, ended
    assert "Traceback" not in ended.printed, ended
    verdict = Artifacts(artifacts.root / "gpu").read("worker-gpu", VERDICT, Verdict)
    assert (verdict.outcome, verdict.gpu) == ("ERROR", True)
    found = {one.check: one for one in verdict.findings}
    assert set(found) == {"image-present", "built-here", "same-image", "control", *GPU_CHECKS}
    for check in GPU_CHECKS:
        assert (found[check].outcome, found[check].category) == ("UNVERIFIED", "ENVIRONMENT"), found[check]
        assert "no GPU" in found[check].found
    assert "nvidia-container-toolkit" in found["gpu-present"].action
    assert "nvidia-container-toolkit" in ended.printed, ended
    assert artifacts.read("worker-gpu", VERDICT, Verdict) == images.verdicts["worker-gpu"], (
        "two contracts, two verdicts"
    )
    assert images.left_by(ended.pid) == []


@without_gpu
def test_the_gpu_probe_runs_bare_and_says_why_there_is_no_device(images: Images) -> None:
    command = [*images.engine.command(), "run", "--rm", "--interactive", "--network=none", images.id_of("worker-cpu")]
    ended = execute(*command, "python", "-", given=source("gpu").encode())
    assert ended.code == 0, ended
    (answer,) = [line for line in ended.printed.splitlines() if line.startswith("{")]  # beside torch's own warnings
    report = json.loads(answer)
    assert report["imported"] is True
    assert report["torch_version"].endswith("+cpu")
    assert (report["available"], report["cuda_build"]) == (False, None)
    assert "CUDA" in report["reason"]
    assert "matrix_product" not in report, "nothing falls back to the CPU"


# A GPU that is no GPU: what is put there lies on torch's device `meta`, which computes shapes and no values. ktrdr's
# own choice of a device is tried, up to the first value that it asks for.
STAND_IN = """
import json
import torch
from ktrdr.training import pipeline, trainer

def there(place):
    return "meta" if str(place).startswith("cuda") else place

torch.cuda.is_available = lambda: True
make, move = torch.tensor, torch.nn.Module.to
torch.tensor = lambda *words, device=None, **options: make(*words, device=there(device), **options)
torch.nn.Module.to = lambda self, place: move(self, there(place))
take = torch.Tensor.to
torch.Tensor.to = lambda self, *words, **options: take(self, *map(there, words), **options)
torch.bincount = lambda labels, minlength: torch.ones(minlength, device=labels.device)  # it has no shape there
module = {"pipeline": pipeline, "trainer": trainer}[MODULE]
text = open(module.__file__).read()
assert OLD in text
exec(compile(text.replace(OLD, NEW), module.__file__, "exec"), vars(module))
devices = set()

multiply = torch.addmm

def note(*words, **options):
    output = multiply(*words, **options)
    devices.add(str(output.device))
    return output

torch.addmm = note
outcome = attempt(lambda: dict(zip(("losses", "device"), trained())))
print(json.dumps({"ok": outcome["ok"], "noted": sorted(devices), "told": sorted(outcome.get("device", []))}))
"""
CHOICE = 'device = "cuda" if torch.cuda.is_available() else "cpu"'


@pytest.mark.parametrize(
    ("module", "old", "new", "noted"),
    [
        ("pipeline", CHOICE, CHOICE, ["meta"]),
        ("pipeline", CHOICE, 'device = "cpu"', ["cpu"]),
        ("pipeline", CHOICE, 'device = "cuda" if torch.cuda.device_count() else "cpu"', ["cpu"]),
        ("pipeline", CHOICE, 'device = "cuda" if torch.backends.mps.is_available() else "cpu"', ["cpu"]),
    ],
    ids=["ktrdr's own choice", "always the CPU", "as many as are there", "another maker's device"],
)
def test_on_a_stand_in_for_a_gpu_the_devices_that_a_training_took_are_told(
    images: Images, module: str, old: str, new: str, noted: list[str]
) -> None:
    script = STAND_IN.replace("MODULE", repr(module)).replace("OLD", repr(old)).replace("NEW", repr(new))
    text = f"{source('attempts')}\n{source('work')}\n{script}"
    command = [*images.engine.command(), "run", "--rm", "--interactive", "--network=none", images.id_of("worker-cpu")]
    ended = execute(*command, "python", "-", given=text.encode())
    assert ended.code == 0, ended
    answer = json.loads([line for line in ended.printed.splitlines() if line.startswith("{")][-1])
    assert answer["noted"] == noted
    # A value is asked for at the end of a batch: `meta` has none. On the CPU the training ends, and says so.
    assert (answer["ok"], answer["told"]) == ((True, ["cpu"]) if noted == ["cpu"] else (False, []))
