"""Tests of vision/benchmarks."""
