"""Lots that follow from what a thing is, so that they are the same whenever they are drawn again. Pure."""

from __future__ import annotations

import hashlib


def hash_uniform(key: bytes) -> float:
    """A number in [0, 1) that follows from the key alone; keys of different purposes begin with different words."""
    digest = hashlib.sha256(key).digest()
    # 53 bits are what a float holds exactly; more would round up to 1.
    return (int.from_bytes(digest[:8], "big") >> 11) / (1 << 53)
