"""Fit a head on stored features."""
