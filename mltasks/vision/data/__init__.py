"""Image decoding, augmentation, near-duplicate groups, and splits grouped by part."""
