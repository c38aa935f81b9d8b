"""Tests of vision/pretrain."""
