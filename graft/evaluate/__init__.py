"""Measure a network on images that it never saw."""
