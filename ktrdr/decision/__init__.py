"""Decisions: from features to a signal."""
