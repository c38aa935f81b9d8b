"""Tests of vision/evaluation."""
