"""The larger commands of `graft`, one a module; their arguments only, what they do lies in the core."""
