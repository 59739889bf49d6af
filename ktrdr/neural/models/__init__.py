"""The networks that a strategy may name. Needs torch."""
