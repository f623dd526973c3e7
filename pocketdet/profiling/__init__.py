"""What a file costs, here and on a phone."""
