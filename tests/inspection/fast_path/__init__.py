"""Tests of inspection/fast_path."""
