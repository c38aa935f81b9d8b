"""Benchmarks of scoring speed: images a second beside a reference graph and the processor's limit."""
