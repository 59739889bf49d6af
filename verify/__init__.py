"""Tells whether the images are what their roles demand: observe, judge, report."""
