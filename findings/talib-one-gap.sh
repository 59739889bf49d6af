#!/bin/sh
# TA-Lib after one missing bar: RSI says 0, SMA never speaks again, and others return after a time that depends on
#   where the gap lies.
# Versions: TA-Lib 0.8.2, NumPy 2.4.6
# Expected: One NaN among the prices gives NaN for the bars whose window holds it, and the figures of the gapless
#   series afterwards.
# Happens: RSI and MAX give no NaN at all; RSI is 0.0, "oversold", to the end. SMA is NaN to the end. WMA and STDDEV
#   return at fixed bars of the array, not after their window. The same gap costs 113 bars or 23. Live values,
#   computed on a shorter array, return at other bars than a backtest's.
# Seen:
#   period 5, gap at bar 50 and at bar 300 of 600: (bars without a value, last value right)
#   SMA    [(550, False), (300, False)]
#   WMA    [(33, True), (23, True)]
#   STDDEV [(113, True), (23, True)]
#   MAX    [(0, True), (0, True)]
#   RSI    [(0, False), (0, False)]
#   RSI from the gap on: {0.0}
# Ends with 0 if so, 1 if something else is seen, 77 where the packages cannot be had.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
trap 'exit 130' HUP INT TERM
if ! {
    python3 -m venv "$place/env" &&
        "$place/env/bin/pip" install --quiet --no-compile TA-Lib==0.8.2 numpy==2.4.6
}; then
    echo "not available: these packages by pip"
    exit 77
fi
"$place/env/bin/python" - <<'END'
import sys
import numpy, talib

close = 100 + numpy.sin(numpy.arange(600) * 1.3)


def with_gap(at):
    return numpy.where(numpy.arange(600) == at, numpy.nan, close)


seen = {}
print("period 5, gap at bar 50 and at bar 300 of 600: (bars without a value, last value right)")
for name in ("SMA", "WMA", "STDDEV", "MAX", "RSI"):
    function, seen[name] = getattr(talib, name), []
    for at in (50, 300):
        values = function(with_gap(at), 5)
        right = bool(numpy.isclose(values[-1], function(close, 5)[-1]))
        seen[name].append((int(numpy.isnan(values[at:]).sum()), right))
    print(f"{name:6}", seen[name])
rsi = {float(value) for value in talib.RSI(with_gap(50), 5)[50:]}
print("RSI from the gap on:", rsi)
sys.exit(rsi != {0.0} or seen != {
    "SMA": [(550, False), (300, False)],
    "WMA": [(33, True), (23, True)],
    "STDDEV": [(113, True), (23, True)],
    "MAX": [(0, True), (0, True)],
    "RSI": [(0, False), (0, False)],
})
END
