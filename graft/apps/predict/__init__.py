"""``graft predict``: classify files, folders and addresses with a bundle."""
