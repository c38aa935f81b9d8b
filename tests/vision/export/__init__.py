"""Tests of vision/export."""
