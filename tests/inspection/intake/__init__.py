"""Tests of inspection/intake."""
