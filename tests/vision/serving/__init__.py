"""Tests of vision/serving."""
