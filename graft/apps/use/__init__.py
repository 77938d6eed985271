"""``graft use``: see how a folder of images is labelled, and write params.yaml."""
