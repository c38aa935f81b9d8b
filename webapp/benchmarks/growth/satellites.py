"""Rows that belong to a part, besides those of `webapp.benchmarks.queue`.

These are score maps, embeddings and fingerprints.
"""

from __future__ import annotations

from django.db import connection

# `maps.pack` gives 0.9 to 1.9 kB for a crop, depending on its content.
MAP_BYTES = 1300
# Random bytes, incompressible like real ones; 500 drawn values are enough to choose from.
_STATEMENTS = (
    """CREATE TEMP TABLE drawn AS SELECT n,
        (SELECT string_agg(decode(md5(n || '-' || i), 'hex'), '') FROM generate_series(1, 256) i) bytes,
        (SELECT array_agg(random() - 0.5) FROM generate_series(1, 256) WHERE n >= 0)::halfvec(256) point
        FROM generate_series(0, 499) n""",
    """INSERT INTO inspection_scoremaps (inspection_id, packed)
    SELECT id, substr(bytes, 1, {map_bytes}) FROM inspection_inspection
    JOIN drawn ON n = ('x' || substr(image_sha256, 1, 4))::bit(16)::int % 500 WHERE state = 'decided'""",
    """INSERT INTO inspection_embedding (inspection_id, product_id, space, vector, target)
    SELECT id, product_id, md5('space') || md5('space'), point,
        CASE person_says WHEN 'FAIL' THEN 1 WHEN 'PASS' THEN 0 END
    FROM inspection_inspection JOIN drawn ON n = ('x' || substr(image_sha256, 1, 4))::bit(16)::int % 500
    WHERE state = 'decided'""",
    """INSERT INTO inspection_fingerprint (inspection_id, width, height, texture)
    SELECT id, 360, 665, bytes FROM inspection_inspection
    JOIN drawn ON n = ('x' || substr(image_sha256, 1, 4))::bit(16)::int % 500 WHERE verdict = 'REVIEW'""",
)


def add_satellite_rows() -> None:
    """Add maps and an embedding to every scored part, a fingerprint to every REVIEW part."""
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        cursor.execute("SET session_replication_role = replica")
        for statement in _STATEMENTS:
            cursor.execute(statement.format(map_bytes=MAP_BYTES))
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("SET synchronous_commit = on")
        cursor.execute("VACUUM ANALYZE")
