"""Tests of labeling/folder_import."""
