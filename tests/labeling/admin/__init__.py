"""Tests of labeling/admin."""
