"""Sends verified images to a registry, and attaches bills of materials to them."""
