"""Repeats a backtest with backtesting.py: `python peer.py BARS.csv TRADES.csv COMMISSION` prints its seconds.

It is given our trades as its signals. Its own import, and reading the files, are not counted.
"""

import sys
import time
from typing import Any

import pandas as pd
from backtesting import Backtest, Strategy


class Given(Strategy):  # type: ignore[misc,unused-ignore]  # backtesting tells no types
    """Goes long and short where the column Wanted says so."""

    def init(self) -> None:
        """Take the signals."""
        self.wanted = self.I(lambda: self.data.Wanted, plot=False)

    def next(self) -> None:
        """Turn at the next open."""
        now = self.wanted[-1]
        if now > 0 and not self.position.is_long:
            self.position.close()
            self.buy()
        elif now < 0 and not self.position.is_short:
            self.position.close()
            self.sell()


def main() -> None:
    """Read, run, print."""
    bars: Any = pd.read_csv(sys.argv[1], parse_dates=["timestamp"], index_col="timestamp")
    trades: Any = pd.read_csv(sys.argv[2], parse_dates=["entry_time"])
    bars.columns = [name.capitalize() for name in bars.columns]
    sides = pd.Series(trades.direction.map({"long": 1, "short": -1}).to_numpy(), index=trades.entry_time)
    # A trade begins at the open behind the signal.
    bars["Wanted"] = sides.reindex(bars.index, method="ffill").shift(-1).fillna(0)
    bars.index = bars.index.tz_localize(None)
    began = time.perf_counter()
    Backtest(bars, Given, cash=100_000, commission=float(sys.argv[3]), finalize_trades=True).run()
    print(time.perf_counter() - began)


if __name__ == "__main__":
    main()
