"""Training: labels, features, the trainer and its models. Needs torch; only workers import its modules."""
