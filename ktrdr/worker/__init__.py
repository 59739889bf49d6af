"""What every worker has in common: registration, heartbeats, jobs."""
