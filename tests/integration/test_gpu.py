"""The GPU contract where there is no GPU: nothing passes that was not seen, and what is missing is named."""

import json
from pathlib import Path

import pytest

from deploy.artifacts import VERDICT, Artifacts
from deploy.contract import ROOT
from tests.integration.conftest import Images, execute
from verify.judge.checks import GPU_CHECKS
from verify.judge.verdict import Verdict

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
    probe = (ROOT / "verify" / "probes" / "gpu.py").read_bytes()
    ended = execute(*command, "python", "-", given=probe)
    assert ended.code == 0, ended
    (answer,) = [line for line in ended.printed.splitlines() if line.startswith("{")]  # beside torch's own warnings
    report = json.loads(answer)
    assert report["imported"] is True
    assert report["torch_version"].endswith("+cpu")
    assert (report["available"], report["cuda_build"]) == (False, None)
    assert "CUDA" in report["reason"]
    assert "matrix_product" not in report, "nothing falls back to the CPU"
