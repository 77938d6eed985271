"""Measure a network and show what it gets wrong."""
