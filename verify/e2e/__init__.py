"""The images at work together: started as they were verified, used as users would, disturbed, and judged."""
