"""Reports whether torch is there, which build it is, and whether it works; and whether ktrdr's workers do."""

import gc
import io
import re
import time

from verify.probes.attempts import attempt
from verify.probes.report import given
from verify.probes.workers import begin, outcomes


def tensor():
    """Multiply two matrices and compare with the products known by hand."""
    import torch

    product = torch.tensor([[1.0, 2.0], [3.0, 4.0]]) @ torch.tensor([[5.0, 6.0], [7.0, 8.0]])
    return {"product": product.tolist()}


def autograd():
    """Differentiate x³ at 2, then let a linear layer take one step down its own gradient."""
    import torch

    x = torch.tensor(2.0, requires_grad=True)
    (x**3).backward()
    torch.manual_seed(0)
    layer = torch.nn.Linear(3, 1)
    inputs, targets = torch.ones(8, 3), torch.zeros(8, 1)
    losses = []
    for _ in range(2):
        loss = torch.nn.functional.mse_loss(layer(inputs), targets)
        gradients = torch.autograd.grad(loss, list(layer.parameters()))
        with torch.no_grad():  # by hand: torch.optim would import the compiler, which costs as much as torch itself
            for weight, gradient in zip(layer.parameters(), gradients, strict=True):
                weight.sub_(0.01 * gradient)
        losses.append(loss.item())
    return {"gradient": x.grad.item(), "losses": losses}


def save_and_load():
    """Save a layer's weights and load them again, tensors only."""
    import torch

    torch.manual_seed(0)
    layer, file = torch.nn.Linear(4, 2), io.BytesIO()
    torch.save(layer.state_dict(), file)
    file.seek(0)
    loaded = torch.load(file, weights_only=True)
    same = all(bool(torch.equal(loaded[name], value)) for name, value in layer.state_dict().items())
    return {"same": same and len(loaded) == len(layer.state_dict()), "bytes": file.getbuffer().nbytes}


def mapped():
    """Return the shared libraries that this process has loaded."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        return sorted({match[1] for line in maps if (match := re.search(r" (/\S+\.so[.\d]*)$", line.rstrip()))})


def peak_memory():
    """Return the most memory that was resident, in bytes (proc(5), VmHWM)."""
    with open("/proc/self/status", encoding="utf-8") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def builds(version):
    """Return what the build is for, by the names in torch.version: cuda, hip, xpu and whatever comes after them."""
    told = vars(version).items() if version is not None else ()
    return {
        name: value
        for name, value in told
        if isinstance(value, str) and value and not name.startswith("_") and name != "git_version"
    }


def look(kinds):
    """Import torch and report on it, and on the worker types of these kinds."""
    began = time.monotonic()
    try:
        import torch
    except BaseException as error:
        return {
            "imported": False,
            "error_type": type(error).__name__,
            "error_message": str(error),
            "missing": getattr(error, "name", None),
        }
    seconds = time.monotonic() - began
    gc.freeze()  # no collection goes through torch's modules again, neither here nor in the workers' forks
    begun = begin(kinds, began) if kinds else None
    from importlib.metadata import PackageNotFoundError, version

    try:
        metadata = version("torch")
    except PackageNotFoundError:
        metadata = None
    build = getattr(torch, "version", None)
    return {
        "imported": True,
        "file": getattr(torch, "__file__", None),
        "version": str(getattr(torch, "__version__", "")),
        "metadata_version": metadata,
        "cuda_build": getattr(build, "cuda", None),
        "builds": builds(build),
        "gpu_architectures": attempt(lambda: {"names": list(torch.cuda.get_arch_list())}),  # takes no GPU
        "cuda_available": attempt(lambda: {"value": bool(torch.cuda.is_available())}),
        "tensor": attempt(tensor),
        "autograd": attempt(autograd),
        "save_and_load": attempt(save_and_load),
        "libraries": mapped(),
        "import_seconds": round(seconds, 3),
        "peak_bytes": peak_memory(),
        "workers": outcomes(begun) if begun else {},
    }


if __name__ == "__main__":
    kinds, tell = given()
    tell(**look(kinds))
    gc.freeze()  # at its end Python collects no garbage then, which takes 0.4 s of a processor with torch
