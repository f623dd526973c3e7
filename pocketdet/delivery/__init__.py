"""The bundle: made, checked, and used."""
