"""A part as a point: what a network sees of it, in so few numbers that a database can look for the nearest. What draws
it is `embedder`; this much is known without torch."""

from __future__ import annotations

DIMENSIONS = 256
# Goes up when the same network would draw other points: those of two recipes can't be compared.
RECIPE = 1
