"""Strategies: YAML version 3 as checked values."""
