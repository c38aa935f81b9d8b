"""Hash sampling: pseudo-random choices that follow from an id and can be repeated. Pure."""

from __future__ import annotations

import hashlib


def hash_uniform(key: bytes) -> float:
    """Return a number in [0, 1) from the key alone; the key's prefix names the purpose."""
    digest = hashlib.sha256(key).digest()
    # A float holds 53 bits exactly; more bits could round up to 1.
    return (int.from_bytes(digest[:8], "big") >> 11) / (1 << 53)
