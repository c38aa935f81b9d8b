"""Recorded outside interface: what clients, operators and stored data rely on.

``python -m tests.interface`` rewrites the files below ``recorded/``.
"""
