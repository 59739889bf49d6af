#!/bin/sh
# backtesting.py's buy-and-hold benchmark starts where the strategy's indicators are ready; its beta does not.
# Versions: backtesting 0.6.6, NumPy 2.4.6, pandas 3.1.1
# Expected: "Buy & Hold Return" belongs to the prices from Start to End: every strategy on them has the same. One that
#   buys once and holds has no alpha.
# Happens: The benchmark leaves out the bars that the longest indicator needs. Another window moves it from 0 to
#   100 % under the same Start. Beta is of all bars, so holding from bar 200 on has an alpha of 49 %. A position
#   still open at the end is no trade and no exposure, beside a return of 98 %.
# Seen:
#   window 1: buy and hold 0 %, alpha 0 %, return 0 %, trades 0, exposure 0 %
#   window 201: buy and hold 100 %, alpha 49 %, return 98 %, trades 0, exposure 0 %
# Ends with 0 if so, 1 if something else is seen, 77 where the packages cannot be had.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
trap 'exit 130' HUP INT TERM
if ! {
    python3 -m venv "$place/env" &&
        "$place/env/bin/pip" install --quiet --no-compile backtesting==0.6.6 numpy==2.4.6 pandas==3.1.1
}; then
    echo "not available: these packages by pip"
    exit 77
fi
"$place/env/bin/python" -W ignore - <<'END'
import sys
import numpy, pandas
from backtesting import Backtest, Strategy

falling = numpy.linspace(200, 100, 201)
prices = numpy.concatenate([falling, falling[::-1][1:]])  # from 200 to 100 and back
days = pandas.date_range("2025-01-01", periods=len(prices))
bars = pandas.DataFrame({name: prices for name in ("Open", "High", "Low", "Close")}, index=days)


class Hold(Strategy):
    """Buys once and keeps it; the average only says when."""

    window = 1

    def init(self):
        self.average = self.I(lambda: pandas.Series(prices).rolling(self.window).mean())

    def next(self):
        if not self.position:
            self.buy()


seen = []
for window in (1, 201):
    stats = Backtest(bars, Hold).run(window=window)
    names = ("Buy & Hold Return [%]", "Alpha [%]", "Return [%]", "# Trades", "Exposure Time [%]")
    seen.append([int(stats[name]) for name in names])
    hold, alpha, made, trades, exposed = seen[-1]
    print(f"window {window}: buy and hold {hold} %, alpha {alpha} %, return {made} %,", end=" ")
    print(f"trades {trades}, exposure {exposed} %")
    assert (stats["Start"], stats["End"]) == (days[0], days[-1])
sys.exit(seen != [[0, 0, 0, 0, 0], [100, 49, 98, 0, 0]])
END
