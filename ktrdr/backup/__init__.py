"""Backups of all that a backend keeps: made while it works, and put back where none does."""
