"""Images from bytes to pixels, augmentation, near-duplicate groups, and splits that never divide a part."""
