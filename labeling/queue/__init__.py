"""Review queue: claims, order, queries and statistics."""
