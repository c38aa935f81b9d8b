"""Evaluation of held-out predictions: metrics, curves, label issues, warnings and plots."""
