"""Training: labels, features, the trainer and its models. Needs torch; import its modules only where one computes."""
