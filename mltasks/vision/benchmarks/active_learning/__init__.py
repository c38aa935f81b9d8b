"""Benchmarks of selecting parts to label: strategies, labeling plans and learning curves."""
