"""Price bars: files, checks and a generator."""
