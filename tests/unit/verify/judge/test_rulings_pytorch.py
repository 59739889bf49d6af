"""torch is there or not, is the build that the role demands, and really computes."""

from typing import Any

import pytest

from tests.support.cases import SITE, Change, Facts, good
from tests.support.changes import distribution, report
from verify.judge.verdict import Finding

TORCH_FILE = f"{SITE}/torch/__init__.py"


def found(check: str, change: Change | None = None, role: str = "worker-cpu") -> Finding:
    return good(role, change).findings()[check]


def missing(**values: Any) -> Change:
    """torch cannot be imported."""
    return report("pytorch", imported=False, **values)


def test_the_backend_s_lack_of_torch_is_told_with_the_error_s_name_and_words() -> None:
    assert found("torch", role="backend").found == "ModuleNotFoundError: No module named 'torch'"


REST: dict[str, Any] = {
    "cuda_build": None,
    "builds": {},
    "gpu_architectures": {"ok": True, "names": []},
    "cuda_available": {"ok": True, "value": False},
    "libraries": [],
}


def test_torch_in_the_backend_is_told_with_version_and_file() -> None:
    change = report("pytorch", imported=True, version="2.13.0", file="/x/torch/__init__.py", **REST)
    assert found("torch", change, "backend").found.startswith("torch 2.13.0 from /x/torch/__init__.py")


@pytest.mark.parametrize(
    "values",
    [
        {"error_type": "ImportError", "missing": "torch"},
        {"error_type": "ModuleNotFoundError", "missing": "numpy"},
        {"error_type": "ModuleNotFoundError", "missing": None},
        {"error_type": "OSError", "missing": None},
    ],
    ids=["an import error", "a dependency missing", "no name", "a library missing"],
)
def test_a_torch_that_only_breaks_on_import_is_not_an_absent_one(values: dict[str, Any]) -> None:
    assert found("torch", missing(**values), "backend").outcome == "FAIL"


def test_a_torch_in_the_layers_that_python_does_not_find_is_told() -> None:
    change = distribution("torch", "2.13.0", seen=False)
    finding = found("torch", change, "backend")
    assert finding.outcome == "FAIL"
    assert f"in the layers: {SITE}/torch-2.13.0.dist-info" in finding.found


def test_a_torch_from_another_place_than_its_distribution_is_told() -> None:
    change = report("pytorch", file="/opt/venv/lib/python3.11/site-packages/torchlike/__init__.py")
    assert "not from its distribution" in found("torch", change).found


def test_a_torch_beside_other_distributions_is_not_its_own_s_which_lies_elsewhere() -> None:
    def change(facts: Facts) -> None:
        (one,) = [one for one in facts.part("contents")["distributions"] if one["name"] == "torch"]
        one["path"] = one["path"].replace(SITE, "/opt/other")

    assert found("torch", change).found == f"torch 2.13.0+cpu from {TORCH_FILE}, not from its distribution"


@pytest.mark.parametrize(
    ("version", "metadata", "told"),
    [
        ("2.13.0+cpu", "2.12.0", "the module says 2.13.0+cpu, its metadata 2.12.0"),
        ("2.12.0+cpu", "2.12.0", "the lock says 2.13.0"),
        ("", None, "'' is no version"),
        ("dev", "2.13.0", "'dev' is no version"),
    ],
)
def test_a_version_s_faults_are_told(version: str, metadata: str | None, told: str) -> None:
    assert told in found("torch-version", report("pytorch", version=version, metadata_version=metadata)).found


@pytest.mark.parametrize("version", ["2.13.0", "2.13.0+cpu", "2.13.0+cu130"])
def test_the_build_s_label_is_no_part_of_the_version(version: str) -> None:
    assert found("torch-version", report("pytorch", version=version)).outcome == "PASS"


def test_a_torch_that_is_as_it_must_be_is_told_with_version_and_time_and_without_an_error() -> None:
    finding = found("torch")
    assert (finding.outcome, finding.found) == ("PASS", "torch 2.13.0+cpu")
    assert finding.evidence == {"file": TORCH_FILE, "version": "2.13.0+cpu"}
    assert found("torch-version").found == "2.13.0+cpu"
    assert (found("torch-works").outcome, found("torch-works").found) == ("PASS", "imported in 2.5 s, all correct")


@pytest.mark.parametrize(
    "values",
    [
        {"builds": {"cuda": "13.0"}},
        {"builds": {"hip": "6.2"}},
        {"builds": {"xpu": "20260101"}},
        {"version": "2.13.0"},
        *({"version": f"2.13.0+{label}"} for label in ("cu130", "xpu", "rocm6.4", "cpu.cxx11.abi", "CPU")),
    ],
)
def test_any_one_sign_of_a_gpu_build_is_enough_to_refuse_a_cpu_image(values: dict[str, Any]) -> None:
    assert found("torch-build", report("pytorch", **values)).outcome == "FAIL"


def test_a_build_for_another_maker_s_gpus_is_told_by_name() -> None:
    assert found("torch-build", report("pytorch", builds={"hip": "6.2"})).found == "torch 2.13.0+cpu: built for hip 6.2"


def test_silent_cuda_is_caught_although_no_gpu_is_there() -> None:
    def change(facts: Facts) -> None:
        facts.report("pytorch").update(version="2.13.0+cu130", cuda_build="13.0", builds={"cuda": "13.0"})

    findings = good("worker-cpu", change).findings()
    assert findings["cuda-runtime"].outcome == "PASS"
    assert findings["torch-build"].outcome == "FAIL"
    assert findings["torch-build"].found == "torch 2.13.0+cu130: built for cuda 13.0"


def test_the_gpu_image_s_build_is_told_with_the_gpus_that_it_has_code_for() -> None:
    finding = found("torch-build", role="worker-gpu")
    every = "sm_75, sm_80, sm_86, sm_90, sm_100, sm_120"
    assert (finding.outcome, finding.found) == ("PASS", f"torch 2.13.0+cu130: built for cuda 13.0 for {every}")
    assert finding.expected == f"torch's build +cu130, for CUDA only, with code for {every}"


def test_a_build_without_code_for_the_contract_s_gpus_is_refused_with_their_names() -> None:
    served = {"ok": True, "names": ["sm_80", "sm_90", "sm_100", "sm_120", "compute_120"]}
    finding = found("torch-build", report("pytorch", gpu_architectures=served), "worker-gpu")
    assert finding.outcome == "FAIL"
    assert finding.found.endswith("for sm_80, sm_90, sm_100, sm_120, compute_120; none for sm_75, sm_86")


@pytest.mark.parametrize(
    ("served", "told"),
    [
        ({"ok": True, "names": []}, "for no GPU; none for sm_75"),
        ({"ok": False, "error": "AttributeError: get_arch_list"}, "is unknown: AttributeError: get_arch_list"),
    ],
)
def test_a_build_that_names_no_gpu_is_no_build_for_gpus(served: dict[str, Any], told: str) -> None:
    finding = found("torch-build", report("pytorch", gpu_architectures=served), "worker-gpu")
    assert (finding.outcome, told in finding.found) == ("FAIL", True), finding.found


@pytest.mark.parametrize(
    "values",
    [
        {"version": "2.13.0+cu126"},
        {"version": "2.13.0"},
        {"builds": {}},
        {"builds": {"hip": "6.2"}},
        {"builds": {"cuda": "13.0", "xpu": "1"}},
    ],
)
def test_the_gpu_image_s_build_is_the_contract_s_and_for_cuda_alone(values: dict[str, Any]) -> None:
    assert found("torch-build", report("pytorch", **values), "worker-gpu").outcome == "FAIL"


def test_a_build_that_the_contract_names_is_right() -> None:
    def change(facts: Facts) -> None:
        named = facts.image.model_copy(update={"torch_builds": ["cpu", "cpu.local1"]})
        facts.contract = facts.contract.model_copy(update={"images": {**facts.contract.images, "worker-cpu": named}})
        facts.report("pytorch").update(version="2.13.0+cpu.local1")

    finding = found("torch-build", change)
    assert (finding.outcome, finding.found) == ("PASS", "torch 2.13.0+cpu.local1: built for the CPU only")
    assert finding.expected == "torch's build +cpu or +cpu.local1, for the CPU only"


@pytest.mark.parametrize("role", ["worker-cpu", "worker-gpu"])
@pytest.mark.parametrize("check", ["torch", "torch-version", "torch-build", "torch-works", "cuda-runtime"])
def test_a_torch_that_cannot_be_imported_is_told_in_its_own_words(check: str, role: str) -> None:
    change = missing(error_type="OSError", error_message="libcudart.so.13: cannot open shared object file")
    finding = found(check, change, role)
    assert finding.outcome == "FAIL"
    assert "OSError: libcudart.so.13" in finding.found


def test_what_torch_computed_wrongly_is_told() -> None:
    change = report("pytorch", autograd={"ok": True, "gradient": 11.0, "losses": [0.4, 0.5]})
    told = found("torch-works", change).found
    assert "the gradient of x³ at 2 is 11.0" in told
    assert "took the loss from [0.4, 0.5]" in told


@pytest.mark.parametrize("losses", [[], [0.5], [0.5, 0.4, 0.3], [0.5, 0.5], [float("nan"), 0.1], [0.1, float("nan")]])
def test_losses_that_do_not_show_a_step_down_are_a_failure(losses: list[float]) -> None:
    change = report("pytorch", autograd={"ok": True, "gradient": 12.0, "losses": losses})
    assert found("torch-works", change).outcome == "FAIL"


def test_an_operation_that_raised_is_told_with_its_traceback() -> None:
    change = report("pytorch", tensor={"ok": False, "error": "RuntimeError: no", "traceback": "line 5"})
    finding = found("torch-works", change)
    assert finding.found == "tensor: RuntimeError: no"
    assert finding.evidence["tracebacks"] == ["line 5"]


def test_the_gpu_image_on_a_gpu_host_passes_its_runtime_line() -> None:
    change = report("pytorch", cuda_available={"ok": True, "value": True})
    assert found("cuda-runtime", change, "worker-gpu").outcome == "PASS"


def test_the_gpu_image_without_a_gpu_is_unverified_and_says_what_to_install() -> None:
    finding = found("cuda-runtime", role="worker-gpu")
    assert (finding.outcome, finding.category) == ("UNVERIFIED", "ENVIRONMENT")
    assert "nvidia-container-toolkit" in finding.action


@pytest.mark.parametrize("answer", [{"ok": True}, {"ok": True, "value": None}, {"ok": False, "error": "RuntimeError"}])
def test_an_is_available_that_does_not_answer_is_a_failure(answer: dict[str, Any]) -> None:
    change = report("pytorch", cuda_available=answer)
    assert [found("cuda-runtime", change, role).outcome for role in ("worker-cpu", "worker-gpu")] == ["FAIL", "FAIL"]
