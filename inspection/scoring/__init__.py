"""Scoring of stored parts: lease, recovery, heatmaps, embeddings and near-duplicates."""
