"""Tests of webapp/health."""
