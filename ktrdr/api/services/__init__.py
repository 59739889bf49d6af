"""What routes do that takes more than one step."""
