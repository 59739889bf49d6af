"""Checks whether torch works here: it imports, and a small tensor operation has the right result."""

import warnings
from typing import Any, Final

IMAGES: Final = ("ktrdr-worker-cpu:test", "ktrdr-worker-gpu:test")


def problem() -> str | None:
    """Return why torch does not work here, or None. Imports torch."""
    try:
        with warnings.catch_warnings():
            # Workers have no NumPy. Torch warns once, and nothing here passes arrays to it.
            warnings.filterwarnings("ignore", message="Failed to initialize NumPy")
            import torch  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415  to find out is the purpose

        total = torch.tensor([1.0, 2.0]).dot(torch.tensor([3.0, 4.0])).item()
    except Exception as error:  # noqa: BLE001  a broken torch may raise anything
        return f"{type(error).__name__}: {error}"
    right = 11.0
    return None if total == right else f"1*3 + 2*4 came out as {total}"


def require() -> None:
    """Stop the process unless torch works; the message names the images to use."""
    reason = problem()
    if reason:
        message = f"This environment has no working torch ({reason}). Run the worker from {IMAGES[0]} or {IMAGES[1]}."
        raise SystemExit(message)


def capabilities() -> dict[str, Any]:
    """Return {gpu, gpu_type, gpu_count, torch, cuda} of a working torch."""
    import torch  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415  lazy on purpose

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return {
        "gpu": count > 0,
        "gpu_type": torch.cuda.get_device_name(0) if count else None,
        "gpu_count": count,
        "torch": str(torch.__version__),
        "cuda": torch.version.cuda,
    }
