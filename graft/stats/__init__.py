"""How far a figure may be off by chance, and draws of units and whole groups."""
