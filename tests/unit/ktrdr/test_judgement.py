"""A training that has learnt nothing says so."""

import pytest

from ktrdr.signals import Signal
from ktrdr.training.judgement import counts, majority_share, nothing_learnt

HOLD, BUY, SELL = int(Signal.HOLD), int(Signal.BUY), int(Signal.SELL)
ONE_SIDED = [HOLD] * 99 + [BUY]


def test_labels_are_counted_by_decision() -> None:
    assert counts([*ONE_SIDED, SELL, SELL]) == {"HOLD": 99, "BUY": 1, "SELL": 2}
    assert majority_share(ONE_SIDED) == 0.99


def test_one_answer_to_everything_is_a_warning_with_accuracy_and_majority_share() -> None:
    (warning,) = nothing_learnt([HOLD] * 100, ONE_SIDED)
    assert "it answers HOLD to every sample" in warning
    assert "accuracy of 99.000 % stands beside a majority share of 99.000 %" in warning
    (warning,) = nothing_learnt([BUY] * 100, ONE_SIDED)
    assert "accuracy of 1.000 % stands beside a majority share of 99.000 %" in warning


@pytest.mark.parametrize("predicted", [ONE_SIDED, [HOLD] * 98 + [BUY, BUY]])
def test_a_model_of_several_answers_has_no_such_warning(predicted: list[int]) -> None:
    assert nothing_learnt(predicted, ONE_SIDED) == []
