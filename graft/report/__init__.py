"""Show what was measured: heat maps, galleries, suspects, one HTML page."""
