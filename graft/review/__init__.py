"""A local page on which a person looks at what is suspected of being wrong, and sets it right."""
