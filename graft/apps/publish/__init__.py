"""``graft publish``: hand the bundle, its figures and its report on to where others find them."""
