"""Tests of vision/stats."""
