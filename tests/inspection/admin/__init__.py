"""Tests of inspection/admin."""
