"""Whoever writes a row that names an image, and whoever removes images that no row names, take turns, image by image.

The same bytes are stored once, so a part may come whose image is there already and about to be removed with an older
part. PostgreSQL keeps the locks: they hold on every machine and for every store, and end with their transaction.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection


def lock_shared(sha256: str) -> None:
    """From now to the end of the transaction nobody removes this image; any number may share it. Who is about to remove
    it is waited for: look afterwards whether it is there."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [_lock_key(sha256)])


def try_lock_exclusive(sha256s: Sequence[str]) -> list[str]:
    """Those of the images that nobody writes a row for just now. To the end of the transaction whoever would waits."""
    with connection.cursor() as cursor:
        keys = [_lock_key(sha256) for sha256 in sha256s]
        cursor.execute("SELECT pg_try_advisory_xact_lock(key) FROM unnest(%s::bigint[]) key", [keys])
        return [sha256 for sha256, (taken,) in zip(sha256s, cursor.fetchall(), strict=True) if taken]


def _lock_key(sha256: str) -> int:
    """A bigint of the hash. Two images may share one: then they take turns for nothing."""
    return int.from_bytes(bytes.fromhex(sha256[:16]), "big", signed=True)
