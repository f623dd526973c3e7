"""How annotated pictures come in: import, download, conversion."""
