"""What a layer of the network makes of a picture."""
