"""Plots, contact sheets and templates, the same bytes on every run."""
