"""Benchmark of queue and history with a million inspections: times and query plans."""
