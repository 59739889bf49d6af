"""Fuzzy memberships: catalogue and arithmetic."""
