"""Technical indicators: what exists, and their arithmetic."""
