"""Work of the routes that takes more than one step."""
