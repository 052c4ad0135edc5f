"""Apps that are not ready, each for one reason, and an input with the answers that a model would give."""
