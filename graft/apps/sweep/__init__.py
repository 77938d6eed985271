"""``graft sweep``: many trials of values or ranges of parameters, run by DVC's queue, the best chosen on valid."""
