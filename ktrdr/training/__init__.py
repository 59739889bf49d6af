"""Training: labels, features, the trainer and its models. Needs torch: workers and `ktrdr train --here` import it."""
