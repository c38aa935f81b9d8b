"""Tests of mltasks/training."""
