"""Tests of mltasks/snapshots."""
