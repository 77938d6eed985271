"""Label rules, tables of labels, corrections by hand."""
