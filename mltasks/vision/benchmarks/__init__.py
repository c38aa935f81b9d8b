"""Benchmark protocols that measure the whole recipe on folders of real parts.

The original recipe of this project is the baseline.
"""
