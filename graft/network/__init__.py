"""Backbone and head as one network: features, normalisation, inference."""
