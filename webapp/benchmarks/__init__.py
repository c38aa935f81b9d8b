"""Benchmarks of the running system: intake, queue, growth, replay and mutated images."""
