"""Tests of vision/heads."""
