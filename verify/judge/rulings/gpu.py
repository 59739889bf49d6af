"""The GPU contract: the device is there and really used. On a host without a GPU its checks are UNVERIFIED."""

import re
from collections.abc import Callable
from pathlib import PurePosixPath

from deploy.faults import Faults
from verify.judge.case import Case, NotSeen, Ruling, rule
from verify.judge.checks import GPU_CHECKS
from verify.observe.probe_reports import Compared, GpuReport, LoadedLibrary

PRODUCT_TOLERANCE = 1e-4  # relative, float32 without TF32 against float64 over 512 terms
WEIGHT_TOLERANCE = 1e-3  # absolute, after three steps of float32 on two devices
LOSS_TOLERANCE = 1e-2  # absolute, after three epochs of float32 on two devices

CODE = re.compile(r"\b(sm|compute)_(\d+)(\d)([af]?)\b")
PTX = ("compute", "")
OTHER_GPU = (
    "Use a GPU that the build has code for; or a PyTorch build with code for this one, and name it in images.toml"
)

# How engines say that they have no GPU to attach: no NVIDIA runtime, no CDI device.
NO_DEVICE = re.compile(
    r"could not select device driver|CDI device|unresolvable|nvidia-container|no NVIDIA GPU|unknown runtime",
    re.IGNORECASE,
)


class _NoGpuError(Exception):
    """This host cannot show the claim."""


def _seen(case: Case) -> GpuReport:
    run = case.observation.gpu
    if run is not None and run.refused and NO_DEVICE.search(run.error):
        raise _NoGpuError(run.error)
    report = case.gpu
    if report.imported and not report.available:
        raise _NoGpuError(report.reason or "torch.cuda.is_available() is False")
    return report


def _served(case: Case) -> GpuReport:
    """Return the report on a device that the build has code for: on another one everything fails for that reason."""
    report = _seen(case)
    if mismatch := _mismatch(report):
        raise NotSeen(mismatch, "gpu-present")
    return report


def _mismatch(seen: GpuReport) -> str:
    """Return in words that the build has no code for the device; "" where it has, or nobody says."""
    if not seen.architectures or not seen.capability or runs_on(seen.capability, seen.architectures):
        return ""
    return (
        f"torch {seen.torch_version} has code for {', '.join(seen.architectures)}, none that runs on {seen.capability}"
    )


def runs_on(capability: str, architectures: list[str]) -> bool:
    """Tell whether code for one of these architectures runs on a device of a compute capability such as ``"9.0"``.

    CUDA C++ programming guide: binary code (sm) runs on its major version from its minor on, PTX (compute) is compiled
    for whatever came later. With the suffix a either runs on that very capability, with f on its major version.
    """
    device = tuple(map(int, capability.split(".")))
    for kind, major, minor, suffix in CODE.findall(" ".join(architectures)):
        code = (int(major), int(minor))
        if code == device or (suffix != "a" and code < device and (code[0] == device[0] or (kind, suffix) == PTX)):
            return True
    return False


def _on_a_gpu(expected: str, ruling: Callable[[Case, str], Ruling]) -> Callable[[Case], Ruling]:
    """Return a ruling that is UNVERIFIED on a host that cannot show the claim."""

    def ruled(case: Case) -> Ruling:
        try:
            return ruling(case, expected)
        except _NoGpuError as reason:
            action = GPU_CHECKS["gpu-present"].action
            return Ruling("UNVERIFIED", expected, f"no GPU: {reason}", category="ENVIRONMENT", action=action)

    return ruled


def gpu_present(case: Case, expected: str) -> Ruling:
    """Name, capability, memory and driver of the device that torch uses."""
    seen = _seen(case)
    if not seen.imported:
        return Ruling("FAIL", expected, seen.error, category="CODE_BUG")
    found = f"{seen.name}, compute capability {seen.capability}, {seen.memory_bytes / 1e9:.1f} GB, "
    found += f"driver {seen.driver or 'unknown'}"
    if mismatch := _mismatch(seen):
        return Ruling("FAIL", f"{expected} and has code for", f"{found}: {mismatch}", action=OTHER_GPU)
    return rule(seen.available, expected, found, cuda_build=seen.cuda_build, torch=seen.torch_version)


def _compared(result: Compared, expected: str, tolerance: float) -> Ruling:
    if not result.ok or result.difference is None:
        return rule(False, expected, result.error, traceback=result.traceback)
    on_device = all(word.startswith("cuda") for word in result.device.split(", "))
    holds = on_device and result.difference <= tolerance
    return rule(holds, expected, f"differs by {result.difference:.2g} on {result.device or 'no device'}")


def gpu_matrix_product(case: Case, expected: str) -> Ruling:
    """A product of two matrices, compared with double precision on the CPU."""
    return _compared(_served(case).matrix_product, expected, PRODUCT_TOLERANCE)


def gpu_training_step(case: Case, expected: str) -> Ruling:
    """Three steps of gradient descent, compared with the same on the CPU; the loss has to fall."""
    step = _served(case).training_step
    ruling = _compared(step, expected, WEIGHT_TOLERANCE)
    falls = bool(step.losses) and step.losses[-1] < step.losses[0]
    return ruling if ruling.outcome != "PASS" or falls else rule(False, "the loss falls", f"losses {step.losses}")


def gpu_ktrdr_training(case: Case, expected: str) -> Ruling:
    """A training of ktrdr's: where its network computed, and whether its losses are the CPU's."""
    return _compared(_served(case).ktrdr_training, expected, LOSS_TOLERANCE)


def gpu_libraries(case: Case, expected: str) -> Ruling:
    """CuDNN and NCCL report the installed distributions' versions and were loaded from their directories."""
    seen = _served(case)
    faults = [*_library_faults("cuDNN", seen.cudnn), *_library_faults("NCCL", seen.nccl)]
    found = "; ".join(faults) or f"cuDNN {seen.cudnn.version}, NCCL {seen.nccl.version}"
    return rule(not faults, expected, found, cudnn=seen.cudnn.loaded, nccl=seen.nccl.loaded)


def _library_faults(name: str, library: LoadedLibrary) -> list[str]:
    if not library.installed:
        return [f"{name} is not installed as a distribution"]
    faults = Faults()
    numbers = library.version.split(".")
    same = bool(library.version) and library.installed.split(".")[: len(numbers)] == numbers
    faults.add(not same, f"{name} says {library.version or 'nothing'}, {library.installed} is installed")
    foreign = [path for path in library.loaded if not PurePosixPath(path).is_relative_to(library.directory)]
    faults.add(foreign or not library.loaded, f"{name} was loaded from {', '.join(foreign) or 'nowhere'}")
    return faults


def gpu_error_raised(case: Case, expected: str) -> Ruling:
    """Reading beyond a tensor's end on the device raises."""
    tried = _served(case).error_raised
    return rule(tried.ok and tried.value is True, expected, tried.error or ("raised" if tried.value else "swallowed"))


SAME = "on the device the same as on the CPU, within"
RULINGS = {
    "gpu-present": _on_a_gpu("a CUDA device that torch can use", gpu_present),
    "gpu-matrix-product": _on_a_gpu(f"{SAME} {PRODUCT_TOLERANCE:g}", gpu_matrix_product),
    "gpu-training-step": _on_a_gpu(f"{SAME} {WEIGHT_TOLERANCE:g}", gpu_training_step),
    "gpu-ktrdr-training": _on_a_gpu(f"{SAME} {LOSS_TOLERANCE:g}", gpu_ktrdr_training),
    "gpu-libraries": _on_a_gpu("cuDNN and NCCL as installed, loaded from their distributions", gpu_libraries),
    "gpu-error-raised": _on_a_gpu("an error on the device is raised", gpu_error_raised),
}
