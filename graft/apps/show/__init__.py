"""``graft show``: the labelled images as training sees them, before any training."""
