"""Random augmentation of a batch, each pixel interpolated once."""
