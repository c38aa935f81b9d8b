"""Tests of labeling/web."""
