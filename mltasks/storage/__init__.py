"""File storage: atomic writes, S3 bucket, local cache, version store and cleanup."""
