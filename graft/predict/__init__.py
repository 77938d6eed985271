"""Classify pictures with a bundle: numpy, Pillow and onnxruntime, no torch."""
