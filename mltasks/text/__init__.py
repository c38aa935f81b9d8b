"""Text and JSON that PostgreSQL stores and every client reads: rules, strict parsing, file names."""
