"""Tests of labeling/review."""
