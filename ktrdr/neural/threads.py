"""How many threads torch computes with. Needs torch."""

import os
from typing import Any, Final

import torch  # type: ignore[import-not-found,unused-ignore]  # torch is installed where one computes

from ktrdr.neural.models.mlp import count_parameters

WORTH_A_THREAD: Final = 20_000_000
"""Multiplications per batch and thread; below that, threads wait longer for each other than they compute."""


def threads(parameters: int, batch_size: int) -> int:
    """Return how many threads are worthwhile for a network: usually one, and at most one per core."""
    return max(1, min(len(os.sched_getaffinity(0)), parameters * batch_size // WORTH_A_THREAD))


def set_threads(network: Any, batch_size: int) -> None:
    """Let this process compute with as many threads as are worthwhile for a network."""
    torch.set_num_threads(threads(count_parameters(network), batch_size))
