"""Device cards: what the phone at the other end can do."""
