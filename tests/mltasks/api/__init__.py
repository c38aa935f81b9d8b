"""Tests of mltasks/api."""
