"""Tests of labeling/queue."""
