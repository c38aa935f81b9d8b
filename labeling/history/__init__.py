"""Past parts: history, search, timeline, lineage and retention."""
