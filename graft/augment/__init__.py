"""Random views of a batch, each pixel interpolated once."""
