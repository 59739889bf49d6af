"""The GPU contract: the device is really used, and what a host without a GPU cannot show is UNVERIFIED."""

import json
from typing import Any

import pytest

from tests.support.cases import Change, Facts, good_gpu
from tests.support.changes import instead, report
from tests.support.checkout import ROOT
from verify.judge.checks import GPU_CHECKS
from verify.judge.rulings.gpu import runs_on
from verify.judge.verdict import Finding


def found(check: str, change: Change | None = None) -> Finding:
    return good_gpu(change).findings()[check]


def test_what_a_real_h100_answered_passes_in_every_point_that_was_tried_there() -> None:
    told = json.loads((ROOT / "tests" / "support" / "h100.json").read_text(encoding="utf-8"))
    findings = good_gpu(instead("gpu", told)).findings()
    assert {findings[name].outcome for name in GPU_CHECKS if name != "gpu-ktrdr-training"} == {"PASS"}
    assert findings["gpu-ktrdr-training"].outcome == "FAIL"
    assert findings["gpu-present"].found.endswith("compute capability 9.0, 85.0 GB, driver 580.159.04")
    assert findings["gpu-libraries"].found == "cuDNN 9.19.0, NCCL 2.28.9"


def refused(error: str) -> Change:
    def change(facts: Facts) -> None:
        facts.part("gpu").update(results=None, proof=None, error=error, refused=True)

    return change


def within(part: str, **values: Any) -> Change:
    return lambda facts: facts.report("gpu")[part].update(values)


NO_GPU = {"imported": True, "available": False, "torch_version": "2.13.0+cu130", "cuda_build": "13.0"}


def test_the_device_is_told_with_name_capability_memory_and_driver() -> None:
    assert found("gpu-present").found == "H200, compute capability 9.0, 150.0 GB, driver 580.1"


@pytest.mark.parametrize("part", ["matrix-product", "training-step", "ktrdr-training", "libraries", "error-raised"])
def test_a_gpu_that_the_build_has_no_code_for_is_named_in_place_of_what_cuda_says(part: str) -> None:
    cuda_s = {"ok": False, "error": "RuntimeError: CUDA error: no kernel image is available for execution"}
    failed = {"matrix_product": cuda_s, "training_step": cuda_s, "error_raised": {"ok": True, "value": True}}
    findings = good_gpu(report("gpu", name="V100", capability="7.0", **failed)).findings()
    mismatch = "has code for sm_75, sm_80, sm_86, sm_90, sm_100, sm_120, none that runs on 7.0"
    assert (findings["gpu-present"].outcome, findings["gpu-present"].category) == ("FAIL", "ENVIRONMENT")
    assert findings["gpu-present"].found.startswith("V100, compute capability 7.0, ")
    assert findings["gpu-present"].found.endswith(mismatch)
    other = findings[f"gpu-{part}"]
    assert (other.outcome, other.because) == ("ERROR", "gpu-present")
    assert other.found.endswith(mismatch)


@pytest.mark.parametrize(
    ("capability", "code", "runs"),
    [
        ("8.9", "sm_86", True),  # an older minor of the same major
        ("8.6", "sm_86", True),
        ("8.0", "sm_86", False),
        ("9.0", "sm_86", False),
        ("12.1", "sm_120", True),
        ("12.0", "sm_100", False),
        ("10.0", "sm_100", True),
        ("13.0", "compute_120", True),  # PTX, for whatever comes later
        ("12.0", "compute_120", True),
        ("10.3", "compute_120", False),
        ("9.0", "sm_90a", True),
        ("9.1", "sm_90a", False),
        ("10.3", "sm_100a", False),
        ("10.3", "sm_100f", True),
        ("12.0", "compute_100f", False),
        ("10.0", "compute_90a", False),
    ],
)
def test_which_devices_code_for_an_architecture_runs_on(capability: str, code: str, *, runs: bool) -> None:
    assert runs_on(capability, ["sm_20", code]) is runs


def test_a_build_that_does_not_say_what_it_has_code_for_is_tried_all_the_same() -> None:
    assert found("gpu-present", report("gpu", architectures=[])).outcome == "PASS"


@pytest.mark.parametrize(
    "error",
    [
        'the engine: could not select device driver "nvidia" with capabilities: [[gpu]]',
        "the engine: CDI device injection failed: unresolvable CDI devices nvidia.com/gpu=all",
        "the engine: nvidia-container-cli: initialization error: driver not loaded",
    ],
)
def test_an_engine_without_a_gpu_to_attach_leaves_every_claim_unverified_and_the_image_in_error(error: str) -> None:
    verdict = good_gpu(refused(error)).verdict()
    outcomes = {one.check: one.outcome for one in verdict.findings}
    assert {outcomes[name] for name in GPU_CHECKS} == {"UNVERIFIED"}
    assert verdict.outcome == "ERROR"


def test_a_host_without_a_gpu_leaves_every_claim_unverified_with_the_driver_s_own_words() -> None:
    findings = good_gpu(instead("gpu", {**NO_GPU, "reason": "RuntimeError: no NVIDIA driver"})).findings()
    assert {findings[name].outcome for name in GPU_CHECKS} == {"UNVERIFIED"}
    assert findings["gpu-present"].found == "no GPU: RuntimeError: no NVIDIA driver"


def test_what_is_unverified_says_what_to_install() -> None:
    finding = found("gpu-present", instead("gpu", NO_GPU))
    assert finding.category == "ENVIRONMENT"
    assert "nvidia-container-toolkit" in finding.action


@pytest.mark.parametrize("error", ["the engine: 500 Server Error: no space left", "it did not end within 150 s"])
def test_an_engine_that_fails_otherwise_is_an_error(error: str) -> None:
    findings = good_gpu(refused(error)).findings()
    assert {findings[name].outcome for name in GPU_CHECKS} == {"ERROR"}


def test_without_proof_nothing_that_the_probe_says_counts() -> None:
    findings = good_gpu(lambda facts: facts.part("gpu")["proof"].update(image_id="sha256:other")).findings()
    assert {findings[name].outcome for name in GPU_CHECKS} == {"ERROR"}


@pytest.mark.parametrize("part", ["matrix_product", "training_step"])
@pytest.mark.parametrize(
    ("values", "outcome"),
    [
        ({"difference": 1e-5}, "PASS"),
        ({"difference": 0.0}, "PASS"),
        ({"device": "cuda:0, cuda:1"}, "PASS"),
        ({"difference": 0.5}, "FAIL"),
        ({"difference": float("nan")}, "FAIL"),
        ({"difference": float("inf")}, "FAIL"),
        ({"difference": None}, "FAIL"),
        ({"device": "cpu"}, "FAIL"),
        ({"device": "cuda:0, cpu"}, "FAIL"),
        ({"device": ""}, "FAIL"),
        ({"ok": False, "error": "RuntimeError: CUDA error"}, "FAIL"),
    ],
)
def test_what_the_device_computes_is_on_the_device_and_right(part: str, values: dict[str, Any], outcome: str) -> None:
    assert found(f"gpu-{part.replace('_', '-')}", within(part, **values)).outcome == outcome


@pytest.mark.parametrize(
    ("part", "difference", "told"),
    [
        ("matrix_product", 1e-4, "differs by 0.0001 on cuda:0"),
        ("training_step", 1e-3, "differs by 0.001 on cuda:0"),
    ],
)
def test_the_tolerance_may_be_used_up(part: str, difference: float, told: str) -> None:
    finding = found(f"gpu-{part.replace('_', '-')}", within(part, difference=difference))
    assert (finding.outcome, finding.found) == ("PASS", told)


def test_a_product_of_no_device_is_told_as_such() -> None:
    assert found("gpu-matrix-product", within("matrix_product", device="")).found == "differs by 1e-06 on no device"


def test_a_device_without_a_driver_s_version_and_a_host_without_a_reason_are_told_all_the_same() -> None:
    assert found("gpu-present", report("gpu", driver="")).found.endswith(", driver unknown")
    assert found("gpu-present", instead("gpu", NO_GPU)).found == "no GPU: torch.cuda.is_available() is False"


@pytest.mark.parametrize("losses", [[1.0, 0.9], [1.0, 1.1, 0.9]])
def test_the_loss_is_lower_after_the_last_step_than_before_the_first(losses: list[float]) -> None:
    assert found("gpu-training-step", within("training_step", losses=losses)).outcome == "PASS"


@pytest.mark.parametrize(
    "losses", [[], [1.0], [1.0, 1.0], [0.9, 1.0], [1.0, float("nan")], [1.0, 0.9, 1.1], [1.0, 1.2, 1.1]]
)
def test_training_on_the_device_has_to_lower_the_loss(losses: list[float]) -> None:
    assert found("gpu-training-step", within("training_step", losses=losses)).outcome == "FAIL"


def test_the_libraries_are_told_with_their_versions() -> None:
    assert found("gpu-libraries").found == "cuDNN 9.1.0, NCCL 2.27.3"


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"version": "9.10.2"}, "cuDNN says 9.10.2, 9.1.0.70 is installed"),
        ({"version": ""}, "cuDNN says nothing, 9.1.0.70 is installed"),
        ({"installed": ""}, "cuDNN is not installed as a distribution"),
        ({"loaded": []}, "cuDNN was loaded from nowhere"),
        ({"loaded": ["/usr/lib/libcudnn.so.9"]}, "cuDNN was loaded from /usr/lib/libcudnn.so.9"),
    ],
)
def test_a_library_s_faults_are_told(values: dict[str, Any], told: str) -> None:
    assert found("gpu-libraries", within("cudnn", **values)).found == told


@pytest.mark.parametrize("values", [{"value": False}, {"value": None}, {"ok": False, "error": "SystemError"}])
def test_an_error_on_the_device_has_to_be_raised(values: dict[str, Any]) -> None:
    assert found("gpu-error-raised", within("error_raised", **values)).outcome == "FAIL"


def test_an_error_that_was_swallowed_is_told_as_such() -> None:
    assert found("gpu-error-raised", report("gpu", error_raised={"ok": True, "value": False})).found == "swallowed"
