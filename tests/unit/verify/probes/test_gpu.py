"""The GPU probe runs bare too, and reports what a device does wrong rather than dying of it."""

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.checkout import ROOT
from tests.support.probing import write

gpu: Any = importlib.import_module("verify.probes.gpu")

# As much of torch as the probe touches before it computes; what it computes raises.
TORCH = """
from types import SimpleNamespace as Names
__version__ = "2.13.0+cu130"
version = Names(cuda="13.0")
def fails(*_arguments, **_options):
    raise RuntimeError("CUDA error: no kernel image is available")
randn = zeros = tensor = manual_seed = fails
def ones(*_arguments, **_options):
    return None
def works(*_arguments):
    return Names(cpu=lambda: None)
def device(*words):
    return ":".join(map(str, words))
cuda = Names(
    is_available=lambda: {available},
    get_arch_list=lambda: ["sm_80", "sm_90"],
    get_device_properties=lambda _device: Names(name="H200", major=9, minor=0, total_memory=150 * 10**9),
    nccl=Names(version=lambda: (2, 27, 3)), synchronize=fails,
)
backends = Names(cuda=Names(matmul=Names(allow_tf32=True)), cudnn=Names(version=lambda: 91002))
nn = Names(functional=Names(conv2d={convolution}), Linear=fails, Sequential=fails)
"""


def torch(directory: Path, *, available: bool = True, convolution: str = "works") -> Path:
    """A directory with this torch in it."""
    write(directory, {"torch.py": TORCH.format(available=available, convolution=convolution)})
    return directory


def bare(directory: Path) -> dict[str, Any]:
    """What the probe prints when it is run by itself, as docs/limits.md says."""
    done = subprocess.run(
        [sys.executable, "-m", "verify.probes.gpu"],
        cwd=ROOT, env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(directory)}, capture_output=True, text=True,
        check=True, timeout=30,
    )  # fmt: skip
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_a_python_without_torch_is_reported(tmp_path: Path) -> None:
    assert bare(tmp_path) == {"imported": False, "error": "ModuleNotFoundError: No module named 'torch'"}


def test_a_torch_that_breaks_on_import_is_reported(tmp_path: Path) -> None:
    write(tmp_path, {"torch.py": "raise OSError('libcudart.so.13: cannot open')"})
    assert bare(tmp_path) == {"imported": False, "error": "OSError: libcudart.so.13: cannot open"}


def test_a_host_without_a_gpu_is_reported_in_torch_s_own_words(tmp_path: Path) -> None:
    report = bare(torch(tmp_path, available=False))
    assert (report["imported"], report["available"], report["cuda_build"]) == (True, False, "13.0")
    assert report["reason"] == "RuntimeError: CUDA error: no kernel image is available"


@pytest.mark.parametrize("part", ["matrix_product", "training_step", "ktrdr_training"])
def test_what_the_device_cannot_compute_is_reported_with_its_error(tmp_path: Path, part: str) -> None:
    report = bare(torch(tmp_path))
    assert not report[part]["ok"]
    if part != "ktrdr_training":  # which needs more of torch than this stand-in has
        assert report[part]["error"] == "RuntimeError: CUDA error: no kernel image is available"


def test_the_device_is_reported_with_name_capability_and_memory(tmp_path: Path) -> None:
    report = bare(torch(tmp_path))
    assert (report["name"], report["capability"], report["memory_bytes"]) == ("H200", "9.0", 150_000_000_000)
    assert report["architectures"] == ["sm_80", "sm_90"]
    assert (report["cudnn"]["version"], report["nccl"]["version"]) == ("9.10.2", "2.27.3")


@pytest.mark.parametrize(
    ("told", "version"),
    [
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 19:39:15 UTC 2024", "535.183.01"),
        ("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.04  Release Build", "580.159.04"),
        ("NVRM version: something else", ""),
        ("", ""),
    ],
)
def test_the_kernel_module_tells_the_driver_s_version_where_nvml_does_not(
    tmp_path: Path, told: str, version: str
) -> None:
    (tmp_path / "version").write_text(f"{told}\nGCC version: gcc 13.3.0\n", encoding="utf-8")
    assert gpu.driver(str(tmp_path / "version")) == version


def test_a_host_that_tells_no_driver_at_all_leaves_it_empty(tmp_path: Path) -> None:
    assert gpu.driver(str(tmp_path / "version")) == ""


class Nvml:
    """As much of NVML as is asked."""

    def nvmlInit_v2(self) -> int:  # noqa: N802 - NVML's own name
        return 0

    def nvmlSystemGetDriverVersion(self, text: Any, length: int) -> int:  # noqa: N802 - NVML's own name
        text.value = b"580.159.04"[:length]
        return 0


def test_nvml_tells_the_driver_s_version_before_the_kernel_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "version").write_text("Kernel Module  1.2.3  ", encoding="utf-8")
    monkeypatch.setattr("ctypes.CDLL", {"libnvidia-ml.so.1": Nvml()}.__getitem__)
    assert gpu.driver(str(tmp_path / "version")) == "580.159.04"


def test_a_cudnn_that_cannot_be_used_is_reported_and_not_died_of(tmp_path: Path) -> None:
    report = bare(torch(tmp_path, convolution="fails"))
    assert report["available"]
    assert not report["cudnn"]["loaded"]
