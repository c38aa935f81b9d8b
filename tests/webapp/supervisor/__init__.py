"""Tests of webapp/supervisor."""
