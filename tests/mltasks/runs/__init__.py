"""Tests of mltasks/runs."""
