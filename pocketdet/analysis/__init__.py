"""What the data are like, in numbers and to look at."""
