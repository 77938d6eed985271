"""Fetch what a user names: a dataset, or pretrained weights."""
