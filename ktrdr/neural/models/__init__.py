"""The networks a strategy may name. Needs torch."""
