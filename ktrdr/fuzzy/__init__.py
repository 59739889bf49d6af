"""Fuzzy memberships: what exists, and their arithmetic."""
