"""Schedule, freezing, checkpoints and the loop."""
