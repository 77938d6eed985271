"""``graft summary``: the walk of a few images through every step, up to the loss."""
