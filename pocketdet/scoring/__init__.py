"""Average precision and the operating point."""
