"""Fetch what a user names, verify it, unpack it."""
