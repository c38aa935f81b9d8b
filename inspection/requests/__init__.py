"""Reading of upload requests: multipart forms, JSON, limits, and submissions."""
