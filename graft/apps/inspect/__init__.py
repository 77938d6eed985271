"""``graft inspect``: what a layer of the network makes of an image."""
