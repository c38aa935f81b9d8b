"""Bodies of upload requests: multipart forms, JSON, limits, and the submissions read from them."""
