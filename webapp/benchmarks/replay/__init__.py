"""Benchmark of replays and challengers: rate beside scoring alone, and station latency."""
