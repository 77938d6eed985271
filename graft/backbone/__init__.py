"""Architectures of timm and torchvision, and their pretrained weights."""
