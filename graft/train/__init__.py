"""Fit the head, then the whole network."""
