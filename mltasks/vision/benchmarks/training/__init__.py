"""Benchmark of seconds to the same average precision: our training and the baseline loop."""
