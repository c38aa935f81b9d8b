"""`make bench-growth`: what a part takes on disk, and how fast parts come and go. docs/scaling.md has the figures."""
