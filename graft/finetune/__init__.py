"""Train the whole network from the head on."""
