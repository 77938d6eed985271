"""Backbone, head, and the network they make; weights in and out."""
