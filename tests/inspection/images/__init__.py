"""Tests of inspection/images."""
