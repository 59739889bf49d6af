"""Backtests: positions, metrics and the walk over the bars."""
