"""What is uploaded, trained on and backtested: real bars and a valid strategy."""

import json
from pathlib import Path

from bench.groups import trading
from bench.inside import trading as inside
from ktrdr.data.bars import HEADER
from ktrdr.data.files import DataDirectory
from ktrdr.strategy.checks import check
from ktrdr.strategy.size import feature_count


def test_the_bars_are_accepted_and_are_as_many_as_asked_for(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path)
    for count, timeframe, step in ((3000, "5m", 300), (500, "1h", 3600)):
        with directory.upload(inside.SYMBOL, timeframe) as upload:
            upload.feed("\n".join((HEADER, *inside._lines(count, step), "")).encode())
            assert directory.finish(inside.SYMBOL, timeframe, upload)["points"] == count


def test_the_strategy_is_valid_and_has_eleven_features() -> None:
    document = json.loads(json.dumps(inside.STRATEGY))
    document["training_data"]["timeframes"] = ["5m"]
    strategy, issues = check(document, inside.NAME)
    assert strategy, issues
    assert feature_count(strategy, ["5m"]) == 11


def test_a_figure_stands_beside_the_other_one_s_with_its_goal() -> None:
    figure = trading._beside("backtest", [2.0, 3.0, 4.0], [4.0, 2.0, 3.0], trading.PEER, 1.0)
    assert (figure.ratio, figure.reached, figure.unit) == (1.0, True, "s")
