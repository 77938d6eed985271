"""Divide the labelled images into train, valid and test, and audit the split for leaks."""
