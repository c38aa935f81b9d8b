"""Learning of a fast path: a small network that passes plainly good parts alone, and its certificate. Needs torch."""
