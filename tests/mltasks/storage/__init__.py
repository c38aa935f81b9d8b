"""Tests of mltasks/storage."""
