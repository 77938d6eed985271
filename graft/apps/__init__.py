"""What one does around the pipeline; no stage imports it."""
