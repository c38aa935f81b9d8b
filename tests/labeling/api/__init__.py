"""Tests of labeling/api."""
