"""``graft compare``: two runs side by side, and whether the difference is real."""
