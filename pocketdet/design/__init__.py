"""Costs and choice of a net before anything is trained."""
