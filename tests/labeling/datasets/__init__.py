"""Tests of labeling/datasets."""
