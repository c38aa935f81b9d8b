"""Tests of inspection/products."""
