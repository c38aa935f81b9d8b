"""Tests of webapp/bootstrap."""
