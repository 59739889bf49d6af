"""Tells whether the images are right: observe, judge, summarize."""
