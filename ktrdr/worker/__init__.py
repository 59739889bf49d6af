"""What all workers share: registration, heartbeats, jobs."""
