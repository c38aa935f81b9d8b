"""Text and JSON that PostgreSQL can store: rules, strict parsing, file names."""
