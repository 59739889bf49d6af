"""Uses the GPU and reports what came of it.

Runs bare too, in a checkout: ``python -m verify.probes.gpu`` with any Python that has torch.
Nothing falls back to the CPU: every device result names the device that it lies on.
"""

import contextlib
import ctypes
import json
import os
import re
import sys

from verify.probes.attempts import attempt
from verify.probes.work import trained

STEPS = 3


def matrix_product(torch, device):
    """Multiply two matrices on the device and, in double precision, on the CPU; the largest relative difference."""
    torch.manual_seed(0)
    left, right = torch.randn(512, 512), torch.randn(512, 512)
    found = left.to(device) @ right.to(device)
    expected = left.double() @ right.double()
    difference = (found.cpu().double() - expected).abs().max() / expected.abs().max()
    return {"device": str(found.device), "difference": difference.item()}


def steps(torch, device):
    """Train a small network for a few steps; returns its losses, its weights, and the devices they lie on."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(16, 32), torch.nn.Tanh(), torch.nn.Linear(32, 3))
    inputs, targets = torch.randn(64, 16), torch.randint(0, 3, (64,))
    model, inputs, targets = model.to(device), inputs.to(device), targets.to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(inputs), targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    devices = {str(one.device) for one in (*model.parameters(), *(p.grad for p in model.parameters()), loss)}
    return losses, torch.cat([p.detach().cpu().double().flatten() for p in model.parameters()]), devices


def training_step(torch, device):
    """Train on the device and on the CPU from the same start; the largest difference between the weights."""
    losses, weights, devices = steps(torch, device)
    _, expected, _ = steps(torch, torch.device("cpu"))
    return {
        "device": ", ".join(sorted(devices)),
        "losses": losses,
        "difference": (weights - expected).abs().max().item(),
    }


def ktrdr_training(torch):
    """Train with ktrdr, on the device that it takes, and without a GPU; the largest difference between the losses."""
    losses, devices = trained()
    available, torch.cuda.is_available = torch.cuda.is_available, lambda: False
    try:
        expected, _ = trained()
    finally:
        torch.cuda.is_available = available
    difference = max(abs(one - other) for one, other in zip(losses, expected, strict=True))
    return {"device": ", ".join(sorted(devices)), "losses": losses, "difference": difference}


def error_raised(torch, device):
    """Read beyond a tensor's end on the device: the error has to come back as an exception."""
    try:
        torch.zeros(2, device=device)[torch.tensor([7], device=device)].cpu()
        torch.cuda.synchronize()
    except RuntimeError as error:
        return {"value": True, "product": [], "error": str(error).splitlines()[0][:300]}
    return {"value": False}


def driver(told_by_kernel="/proc/driver/nvidia/version"):
    """Return the NVIDIA driver's version: by NVML, else by the kernel module, "" where neither tells it."""
    text = ctypes.create_string_buffer(80)  # NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE
    with contextlib.suppress(OSError, AttributeError):
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
        if nvml.nvmlInit_v2() == 0 and nvml.nvmlSystemGetDriverVersion(text, len(text)) == 0:
            return text.value.decode("ascii", "replace")
    with contextlib.suppress(OSError), open(told_by_kernel, encoding="utf-8", errors="replace") as file:
        found = re.search(r"Kernel Module\b.*?\s(\d+\.[\d.]+)\s", file.read())
        return found[1] if found else ""
    return ""


def library(name, version, distributions):
    """Return which copy of a library is loaded, which version it says it is, and which is installed."""
    from importlib.metadata import distributions as installed

    with open("/proc/self/maps", encoding="utf-8") as maps:
        loaded = sorted({line.split(maxsplit=5)[-1].strip() for line in maps if f"/lib{name}" in line})
    for one in installed():
        if re.fullmatch(distributions, (one.metadata["Name"] or "").lower().replace("_", "-")):
            directory = str(one.locate_file("nvidia"))
            return {"loaded": loaded, "version": version, "installed": one.version or "", "directory": directory}
    return {"loaded": loaded, "version": version, "installed": "", "directory": ""}


def cudnn_version(torch, device):
    """Run a convolution, so that cuDNN is loaded, and return the version that it says it is."""
    torch.nn.functional.conv2d(torch.ones(1, 3, 8, 8, device=device), torch.ones(2, 3, 3, 3, device=device)).cpu()
    number = torch.backends.cudnn.version() or 0
    return f"{number // 10000}.{number // 100 % 100}.{number % 100}"


def nccl_version(torch):
    """Return the version that NCCL says it is."""
    return ".".join(map(str, torch.cuda.nccl.version()))


def version_of(ask):
    """Return the version that a library says it is, "" where it cannot even be used."""
    return attempt(lambda: {"version": ask()}).get("version", "")


def look():
    """Report on torch, the device, and what it computes."""
    try:
        import torch
    except Exception as error:
        return {"imported": False, "error": f"{type(error).__name__}: {error}"}
    document = {"imported": True, "torch_version": str(torch.__version__), "cuda_build": torch.version.cuda}
    document |= {"available": bool(torch.cuda.is_available()), "driver": driver()}
    if not document["available"]:
        tried = attempt(lambda: {"product": torch.zeros(1, device="cuda").tolist()})
        odd = "torch.cuda.is_available() is False, yet a tensor could be made"
        return document | {"reason": tried.get("error", odd)}
    device = torch.device("cuda", 0)
    properties = torch.cuda.get_device_properties(device)
    torch.backends.cuda.matmul.allow_tf32 = False
    document |= {
        "name": properties.name,
        "capability": f"{properties.major}.{properties.minor}",
        "architectures": attempt(lambda: {"names": list(torch.cuda.get_arch_list())}).get("names", []),
        "memory_bytes": properties.total_memory,
        "matrix_product": attempt(lambda: matrix_product(torch, device)),
        "training_step": attempt(lambda: training_step(torch, device)),
        "ktrdr_training": attempt(lambda: ktrdr_training(torch)),
        "cudnn": library("cudnn", version_of(lambda: cudnn_version(torch, device)), r"nvidia-cudnn-cu\d+"),
        "nccl": library("nccl", version_of(lambda: nccl_version(torch)), r"nvidia-nccl-cu\d+"),
        # The last one: it spoils the device's context
        "error_raised": attempt(lambda: error_raised(torch, device)),
    }
    return document


if __name__ == "__main__":
    text = json.dumps(look())
    if "KTRDR_PROBE_FD" in os.environ:
        os.write(int(os.environ["KTRDR_PROBE_FD"]), text.encode())
    else:
        sys.stdout.write(text + "\n")
