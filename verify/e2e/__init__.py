"""The images at work together: started as they were verified, asked for what a user asks, harmed, and judged."""
