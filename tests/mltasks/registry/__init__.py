"""Tests of mltasks/registry."""
