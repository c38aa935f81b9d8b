"""Import of folders of labeled images."""
