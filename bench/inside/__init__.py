"""What runs inside the backend's image while figures are taken: it uses ktrdr's own code, and nothing of ours."""
