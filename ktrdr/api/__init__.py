"""The HTTP API: orchestrates and stores, computes nothing."""
