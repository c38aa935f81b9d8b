"""Decision lines and what they guarantee: costs to bands, bounds of escape rates, certificates of fast paths."""
