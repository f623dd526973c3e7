"""Which pictures and boxes count, and in which subset they are."""
