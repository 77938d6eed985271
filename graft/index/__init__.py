"""Find every file, check that it decodes, find duplicates."""
