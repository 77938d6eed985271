"""Schedules of learning rates, and the order of batches."""
