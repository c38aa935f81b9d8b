"""Tests of vision/networks."""
