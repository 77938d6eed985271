"""Divide the labelled pictures into train, valid and test."""
