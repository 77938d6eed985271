"""Measurements beside peers and papers; each script writes its table here."""
