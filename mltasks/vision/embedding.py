"""A part as a point: what the backbone sees of it, in so few numbers that a database can look for the nearest."""

from __future__ import annotations

DIMENSIONS = 256
