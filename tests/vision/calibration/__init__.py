"""Tests of vision/calibration."""
