"""Tests of vision/data."""
