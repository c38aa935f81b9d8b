"""Pages of review, history, datasets, runs and reviewers."""
