"""Benchmarks of which parts to label next: strategies, label arrivals and their learning curves."""
