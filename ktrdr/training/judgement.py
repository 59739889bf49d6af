"""Tells from labels and predictions whether a training has learnt anything. Torch-free."""

from collections.abc import Sequence

from ktrdr.signals import Signal


def counts(labels: Sequence[int]) -> dict[str, int]:
    """Return how often each decision occurs among labels or predictions."""
    return {signal.name: labels.count(signal) for signal in Signal}


def majority_share(labels: Sequence[int]) -> float:
    """Return the accuracy of always giving the most frequent answer."""
    return max(counts(labels).values()) / len(labels)


def nothing_learnt(predicted: Sequence[int], right: Sequence[int]) -> list[str]:
    """Return what to know of a model that gives one answer to all samples of the test part."""
    if len(set(predicted)) > 1:
        return []
    answer = Signal(predicted[0]).name
    accuracy = right.count(predicted[0]) / len(right)
    warning = (
        f"The model has learnt nothing: it answers {answer} to every sample of the test part, whose accuracy of"
        f" {100 * accuracy:.3f} % stands beside a majority share of {100 * majority_share(right):.3f} %."
        " Choose another training.labels.threshold, other inputs or a longer range."
    )
    return [warning]
