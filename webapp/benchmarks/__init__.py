"""Benchmarks of the running system: intake, queue, growth and replay."""
