"""Stores operations and workers in SQLite or PostgreSQL.

Why not SQLAlchemy: two tables and thirty statements do not need it, and it would add 15 to 20 MB to an image of 24.
"""
