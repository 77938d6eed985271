"""``graft review`` and ``graft label``: a local page on which a person sets labels right, or gives them."""
