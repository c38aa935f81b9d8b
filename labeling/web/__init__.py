"""Pages of review, history, datasets and reviewers."""
