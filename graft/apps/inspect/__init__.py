"""``graft inspect``: the layers of the network and how they train, and what one of them makes of an image."""
