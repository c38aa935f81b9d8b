"""Tests of webapp/dashboard."""
