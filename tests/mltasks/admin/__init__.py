"""Tests of mltasks/admin."""
