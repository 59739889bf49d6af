"""Builds the images of the contract side by side, each in a process of its own, and records what was built."""
