"""`make bench-growth`: disk space per part, writes and removals a second.

docs/scaling.md has the figures.
"""
