"""Tests of inspection/requests."""
