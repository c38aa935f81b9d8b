"""Serving of a version without torch: bundle, scorer, thresholds, heatmaps, queue priority."""
