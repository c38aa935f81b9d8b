"""Evaluation of held-out predictions: metrics, curves, label issues, warnings, worst errors and plots."""
