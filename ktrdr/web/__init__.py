"""What the servers of the backend and of the workers have in common."""
