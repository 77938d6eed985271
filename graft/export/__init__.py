"""Write the network as one self-describing bundle, and prove that it is the one measured."""
