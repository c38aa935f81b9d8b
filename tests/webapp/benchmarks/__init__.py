"""Tests of webapp/benchmarks."""
