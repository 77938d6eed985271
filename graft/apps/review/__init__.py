"""``graft review``: a local page on which a person sets suspected labels right."""
