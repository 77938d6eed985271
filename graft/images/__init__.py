"""Decode pictures once, keep their pixels, and draw views of them in batches."""
