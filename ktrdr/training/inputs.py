"""The network's inputs from columns of features."""

from collections.abc import Sequence
from typing import Any

import torch  # type: ignore[import-not-found,unused-ignore]  # torch is installed where one computes

from ktrdr.training.dataset import Scaler
from ktrdr.training.table import Table


def scaled(table: Table, scaler: Scaler) -> Any:
    """Return a table's rows (all known) as a float32 tensor (rows, features): less the mean, by the deviation.

    The table must not change its length while the tensor is made.
    """
    inputs = torch.empty((len(table), len(table.columns)))
    for place, column in enumerate(_tensors(table)):
        inputs[:, place] = (column - scaler.means[place]) / scaler.deviations[place]
    return inputs


def _tensors(table: Table) -> Sequence[Any]:
    if not len(table):
        return []
    return [torch.frombuffer(column, dtype=torch.float64) for column in table.columns]
