"""Surprises about the libraries, tools and formats of the field: a script each, and what runs them."""
