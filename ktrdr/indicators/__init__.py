"""Technical indicators: catalogue and arithmetic."""
