"""Decode image files, and presize them."""
