"""Values of the report pages: version report, comparison, lineage, model card, verification."""
