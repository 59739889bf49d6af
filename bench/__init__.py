"""Figures, side by side: what builds, images and verification cost, and what others cost on the same images."""
