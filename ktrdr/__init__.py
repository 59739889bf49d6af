"""ktrdr: neuro-fuzzy trading. Bars, indicators, fuzzy memberships, a small network, decisions, backtests."""
