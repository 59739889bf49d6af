"""PyTorch and CUDA: stand-ins for torch over the backend, because the real one is a gigabyte to read."""

import base64

from tests.broken_images.fault import SITE, Fault, as_root, distribution, file, torch
from tests.support.elves import shared_library
from verify.contents.elf import DEVICE_CODE

CUDA_AVAILABLE = "class cuda:\n    is_available = staticmethod(lambda: {})"
CUDA_BUILD = f"class version:\n    cuda, hip = '13.0', None\n{CUDA_AVAILABLE.format(False)}"
OLD_GPUS = CUDA_BUILD + "\n    get_arch_list = staticmethod(lambda: ['sm_75', 'sm_80', 'sm_86', 'sm_90', 'sm_120'])"
STAND_IN = "__version__ = '2.13.0+cpu'"
CPU = "worker-cpu"
# What CUDA torch needs, by the names that the contract's check knows; no library is behind them
NEEDED = ("libcudart.so.13", "libcublas.so.13", "libcudnn.so.9", "libnccl.so.2", "libtorch_cuda.so")


def cuda_libraries(*names: str) -> str:
    """Return the lines that put programs under the names of CUDA's libraries into the image."""
    copies = "\n".join(f"cp /bin/true /opt/cuda/{name}" for name in names)
    return as_root(f"mkdir -p /opt/cuda /opt/other\n{copies}")


def written(path: str, data: bytes, to: str = ">") -> str:
    """Return the shell's words that write bytes into a file, or with ``>>`` after what it holds."""
    return f"echo {base64.b64encode(data).decode()} | base64 -d {to}{path}\n"


TORCH = (
    Fault("torch in the image that must have none", torch(""), "torch", says=("torch 2.13.0+cpu",)),
    Fault("torch's metadata alone, in the image that must have none", distribution("torch", "2.13.0"), "torch",
          says=("in the layers",)),
    Fault("a torch that raises, in the image that must have none", torch("raise RuntimeError('broken')"), "torch",
          says=("RuntimeError: broken",)),
    Fault(
        "torch lies where no package is looked for, in the image that must have none",
        file("/opt/ml/torch/__init__.py", STAND_IN) + as_root("cp /bin/true /opt/ml/torch/libtorch_cpu.so"),
        "torch", says=("/opt/ml/torch/__init__.py", "libtorch_cpu.so"),
    ),
    Fault("no torch in a worker", "", "torch", role=CPU, says=("ModuleNotFoundError",)),
    Fault(
        "torch is found through PYTHONPATH, not in its distribution",
        file("/opt/extra/torch/__init__.py", STAND_IN) + "ENV PYTHONPATH=/opt/extra",
        "torch", role=CPU, says=("/opt/extra/torch",),
    ),
    Fault(
        "torch is found in the working directory, not in its distribution",
        file("/srv/work/torch/__init__.py", STAND_IN) + distribution("torch", "2.13.0") + "WORKDIR /srv/work",
        "torch", role=CPU, says=("/srv/work/torch",),
    ),
    Fault(
        "torch is found through PYTHONPATH, in the image that must have none",
        file("/opt/extra/torch/__init__.py", STAND_IN) + "ENV PYTHONPATH=/opt/extra",
        "torch", says=("/opt/extra/torch",),
    ),
    Fault(
        "torch is of another version than its metadata and the lock",
        torch("", version="2.12.1+cpu"), "torch-version", role=CPU, says=("2.12.1", "2.13.0"),
    ),
    Fault(
        "torch and its metadata are of another version than the lock",
        torch("", version="2.12.1+cpu", locked="2.12.1"), "torch-version", role=CPU, says=("the lock says 2.13.0",),
    ),
    Fault("torch has no version", torch("", version=""), "torch-version", role=CPU, says=("is no version",)),
    Fault(
        "silent CUDA: a CUDA build in a CPU image, on a host without a GPU",
        torch(CUDA_BUILD, "2.13.0+cu130"), "torch-build", role=CPU, says=("cuda 13.0",),
    ),
    *(
        Fault(f"a torch whose label is no CPU build's: {label or 'none'}",
              torch("", f"2.13.0{label}", f"2.13.0{label}"), "torch-build", role=CPU,
              says=(f"torch 2.13.0{label}: built for the CPU only",))
        for label in ("+xpu", "+rocm6.4", "", "+cpu.cxx11.abi")
    ),
    *(
        Fault(f"a torch for other devices, under a CPU build's label: {name}",
              torch(f"class version:\n    cuda = None\n    {name} = '6.4'"), "torch-build", role=CPU,
              says=(f"built for {name} 6.4",))
        for name in ("hip", "xpu", "musa")
    ),
    Fault(
        "the GPU image's torch is built for another CUDA than the contract's",
        torch(CUDA_BUILD + "\n    get_arch_list = staticmethod(lambda: [])", "2.13.0+cu126"), "torch-build",
        role="worker-gpu", says=("2.13.0+cu126",),
    ),
    Fault(
        "the GPU image's torch has no code for one generation of GPUs",
        torch(OLD_GPUS, "2.13.0+cu130"), "torch-build", role="worker-gpu", says=("none for sm_100",),
    ),
    Fault("a torch that only has a version", torch(""), "torch-works", role=CPU, says=("tensor",)),
    Fault("CUDA is available in a CPU image", torch(CUDA_AVAILABLE.format(True)), "cuda-runtime", role=CPU,
          says=("True",)),
    Fault("nobody can tell whether CUDA is available", torch("class cuda:\n    pass"), "cuda-runtime", role=CPU,
          says=("is_available",)),
)  # fmt: skip

CUDA = (
    Fault("an nvidia-* distribution is left over", distribution("nvidia-cudnn-cu13", "9.1"), "cuda-distributions",
          says=("nvidia-cudnn-cu13",)),
    Fault("triton is left over", distribution("triton", "3.7.0"), "cuda-distributions", says=("triton",)),
    Fault("a CUDA library outside site-packages", cuda_libraries(NEEDED[0]), "cuda-libraries",
          says=("/opt/cuda/libcudart.so.13",)),
    Fault("a CUDA library under another name",
          as_root(f"mkdir {SITE}/fast\ncp /bin/true {SITE}/fast/libcudnn_ops-0123abcd.so.9"), "cuda-libraries",
          says=("libcudnn_ops",)),
    *(
        Fault(f"a CUDA library of a less known kind: {name}", cuda_libraries(name), "cuda-libraries",
              says=(f"/opt/cuda/{name}",))
        for name in ("libnppc.so.13", "libnvjpeg.so.13", "libnvvm.so.4", "libcudss.so.0", "libnvidia-ml.so.1")
    ),
    Fault("a library that needs CUDA's, under a name of its own",
          as_root("mkdir /opt/fast\n"
                  + written("/opt/fast/fast.so", shared_library("libfast.so.1", needed=("libcudart.so.13",)))),
          "cuda-libraries", says=("/opt/fast/fast.so (needs libcudart.so.13)",)),
    Fault("a library that needs CUDA's, under a Python source's name",
          as_root(written(f"{SITE}/fast.py", shared_library("libfast.so.1", needed=("libcudart.so.13",)))),
          "cuda-libraries", says=(f"{SITE}/fast.py (needs libcudart.so.13)",)),
    *(
        Fault(f"code for a GPU in a {what}, under a name of its own",
              as_root(f"mkdir /opt/fast\n{start} >/opt/fast/fast\n" + written("/opt/fast/fast", DEVICE_CODE[0], ">>")),
              "cuda-libraries", says=("/opt/fast/fast (has code for a GPU)",))
        for what, start in (("program", "cat /bin/true"), ("static library", "printf '!<arch>\\n'"))
    ),
    Fault("code for a GPU beside the program that loads it",
          as_root("mkdir /opt/fast\n" + written("/opt/fast/kernels.dat", DEVICE_CODE[0])), "cuda-libraries",
          says=("/opt/fast/kernels.dat (has code for a GPU)",)),
    Fault("code for a GPU that the driver compiles",
          file("/opt/fast/kernels.txt", "// an addition\n.version 8.3\n.target sm_90\n.address_size 64"),
          "cuda-libraries", says=("/opt/fast/kernels.txt (has code for a GPU)",)),
    Fault("no CUDA library in a GPU image", "", "cuda-libraries", role="worker-gpu", says=("missing: libcudart.so",)),
    Fault("one CUDA library is missing from a GPU image", cuda_libraries(*NEEDED[:-1]), "cuda-libraries",
          role="worker-gpu", says=("missing: libtorch_cuda.so",)),
    Fault(
        "two copies of a CUDA library in a GPU image",
        cuda_libraries(*NEEDED) + as_root("cp /bin/true /opt/other/libcudart.so.13"), "cuda-libraries",
        role="worker-gpu", says=("libcudart.so.13 2 times", "/opt/other/libcudart.so.13"),
    ),
    Fault(
        "torch loads a CUDA library that no layer holds",
        torch("""
import ctypes, shutil
shutil.copy("/lib/x86_64-linux-gnu/libz.so.1", "/data/libcudart.so.13")
ctypes.CDLL("/data/libcudart.so.13")
"""),
        "cuda-libraries-agree", role=CPU, says=("/data/libcudart.so.13",),
    ),
)  # fmt: skip

FAULTS = (*TORCH, *CUDA)
