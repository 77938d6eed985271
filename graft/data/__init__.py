"""What lies on disk between stages: the raw folder, arrays with a row an image, the labelled split."""
