"""Ways to run a training from the API's side."""
