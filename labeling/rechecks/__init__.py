"""Rechecks: double reviews, label issues, agreement and throughput."""
