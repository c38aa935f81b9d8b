"""Tests of inspection/api."""
