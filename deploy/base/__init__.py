"""The base image: the official slim image, or an equivalent bootstrapped from Debian packages."""
