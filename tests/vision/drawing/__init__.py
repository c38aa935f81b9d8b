"""Tests of vision/drawing."""
