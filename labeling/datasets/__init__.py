"""Labeled sets: standing labels, holdout, defect types, export, and the runs on them."""
