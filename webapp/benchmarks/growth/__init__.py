"""Benchmark of table sizes, writes and removals; docs/scaling.md has the figures."""
