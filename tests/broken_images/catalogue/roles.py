"""A real image under another role's name: what a Dockerfile with the wrong `uv sync` would have made."""

from tests.broken_images.fault import ADDRESS, API, SITE, Fault, as_root, distribution

SERVING = (
    'CMD ["uvicorn", "ktrdr.api.main:app", "--host", "0.0.0.0", "--port", "8000"]\n'
    "HEALTHCHECK --interval=1s --start-period=60s "
    f'CMD ["python", "-m", "ktrdr.healthcheck", "{ADDRESS}:8000{API}/health"]'
)
CPU, GPU = "worker-cpu", "worker-gpu"

FAULTS = (
    Fault("the backend was built with `--extra ml`", SERVING, "torch", base=CPU, says=("torch 2.13.0+cpu",)),
    Fault("the backend holds what workers need: its lock is not the one demanded", "", "lock-parity", "FAIL",
          "CONFIGURATION", base=CPU, says=("extra:", "torch")),
    Fault("the backend is under the development image's name", "", "torch", role="dev", says=("ModuleNotFoundError",)),
    Fault("the CPU image was built from the frozen lock: CUDA within, and no GPU to show it", "", "torch-build",
          base=GPU, role=CPU, says=("built for cuda",)),
    Fault("the CPU image was built from the frozen lock: its distributions", "", "cuda-distributions",
          base=GPU, role=CPU, says=("nvidia-",)),
    Fault("the CPU image was built from the frozen lock: its libraries", "", "cuda-libraries",
          base=GPU, role=CPU, says=("libcublas",)),
    Fault("the CPU image was built from the frozen lock: its size", "", "size-added", base=GPU, role=CPU),
    Fault("the GPU image holds CPU torch", "", "torch-build", base=CPU, role=GPU, says=("built for the CPU only",)),
    Fault("the GPU image holds no CUDA library", "", "cuda-libraries", base=CPU, role=GPU,
          says=("missing: libcudart",)),
    Fault("an nvidia-* distribution is left over beside CPU torch", distribution("nvidia-nccl-cu13", "2.27"),
          "cuda-distributions", base=CPU, role=CPU, says=("nvidia-nccl-cu13",)),
    Fault("torch is half removed: a package of it is gone", as_root(f"rm -r {SITE}/torch/nn"),
          "torch", base=CPU, role=CPU, says=("torch.nn",)),
    Fault("torch is half removed: its library is gone", as_root(f"rm {SITE}/torch/lib/libtorch_cpu.so"),
          "torch-works", base=CPU, role=CPU, says=("libtorch_cpu.so",)),
    Fault("torch computes what is not so",
          as_root(f"echo 'Tensor.__matmul__ = lambda self, other: self * other' >>{SITE}/torch/__init__.py\n"
                  f"rm {SITE}/torch/__pycache__/__init__.*"),
          "torch-works", base=CPU, role=CPU, says=("the matrix product is",)),
)  # fmt: skip
