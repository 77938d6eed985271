"""Find, check and label the pictures."""
