"""REST API of reviews and lineage."""
