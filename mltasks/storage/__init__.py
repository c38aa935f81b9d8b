"""Files of this floor: atomic writes, S3 bucket, local cache, version store and cleanup."""
