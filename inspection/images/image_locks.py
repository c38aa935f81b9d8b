"""Advisory locks that keep writers of image rows and image removal apart, per image.

The same bytes are stored once: a new part's image may exist already and be about to be removed with an older part.
PostgreSQL holds the locks, so they work across machines and stores, and end with the transaction.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection

# Expression, with ``lock_key``, that locks an image against removal until the transaction ends. Any number may share
# the lock. It waits for a removal in progress, so check afterwards that the image still exists.
LOCK_SHARED = "pg_advisory_xact_lock_shared(%s)"


def try_lock_exclusive(sha256s: Sequence[str]) -> list[str]:
    """Try to lock the images exclusively and return the locked ones.

    Writers of these images block until the transaction ends.
    """
    with connection.cursor() as cursor:
        keys = [lock_key(sha256) for sha256 in sha256s]
        cursor.execute("SELECT pg_try_advisory_xact_lock(key) FROM unnest(%s::bigint[]) key", [keys])
        return [sha256 for sha256, (taken,) in zip(sha256s, cursor.fetchall(), strict=True) if taken]


def lock_key(sha256: str) -> int:
    """Return a 64-bit key; images with equal keys only wait for each other needlessly."""
    return int.from_bytes(bytes.fromhex(sha256[:16]), "big", signed=True)
