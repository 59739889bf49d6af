"""Sends verified images to a registry with attestations beside them, and reads both back."""
