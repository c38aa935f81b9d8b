"""Past parts: browse, search, timeline, lineage and retention."""
