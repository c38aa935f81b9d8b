"""What hangs on a part, beside the rows that `webapp.benchmarks.queue` fills: its maps, its point, its fingerprint."""

from __future__ import annotations

from django.db import connection

# What `maps.pack` gives of a crop is 0.9 to 1.9 kB, by how much there is to see.
MAP_BYTES = 1300
# Nothing of it can be compressed, as in what is stored for real; a few hundred of each are enough to draw from.
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
    """Give every part that was scored its maps and its point, and every one that people see its fingerprint."""
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        cursor.execute("SET session_replication_role = replica")
        for statement in _STATEMENTS:
            cursor.execute(statement.format(map_bytes=MAP_BYTES))
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("SET synchronous_commit = on")
        cursor.execute("VACUUM ANALYZE")
