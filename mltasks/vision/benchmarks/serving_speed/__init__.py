"""Benchmarks of scoring speed against a reference graph and the processor's limit."""
