"""Serving of a version without torch: bundle, scorer, thresholds, heatmaps and queue priority."""
