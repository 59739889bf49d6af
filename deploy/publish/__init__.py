"""Sends what was verified to a registry, and attaches bills of materials to it."""
