"""Turn a network into one self-describing bundle."""
