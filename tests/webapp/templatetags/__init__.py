"""Tests of webapp/templatetags."""
