"""Stored images: local and S3 stores, locks, thumbnails and removal."""
