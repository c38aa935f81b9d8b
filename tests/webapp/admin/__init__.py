"""Tests of webapp/admin."""
