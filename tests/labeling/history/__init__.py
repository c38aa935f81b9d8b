"""Tests of labeling/history."""
