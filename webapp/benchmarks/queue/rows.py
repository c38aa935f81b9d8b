"""Statements that fill the tables: one row a part, by its number on the line and at random."""

from __future__ import annotations

from collections.abc import Sequence

from inspection.models import Product

DAYS = 400

# Independent random numbers decide each property, so filters correlate no more than on a real line.
_PARTS_SQL = """
INSERT INTO inspection_inspection (
    id, product_id, station_id, source, part_id, title, metadata, received_at, image_name, image_sha256, image_format,
    image_width, image_height, image_bytes, roi, idempotency_key, request_sha256, state, attempt, scoring_error,
    verdict, reasons, label, defect_probability, reconstruction_error, anomaly_threshold, novel_defect_suspected,
    novelty, model_version_id, decided_at, latency_ms, settled_at, person_says
)
SELECT gen_random_uuid(), product, CASE source WHEN 'station' THEN
        (SELECT s.id FROM inspection_station s WHERE s.product_id = product AND s.name = station) END,
    source,
    CASE WHEN at_part < 0.03 THEN '' WHEN at_part < 0.1 THEN 'LOT' || (at_part * 1e6)::int % 300 || '-' || n
        ELSE 'P-' || to_char(n, 'FM00000000') END,
    'part-' || n || '.jpg', '{{}}', came, 'images/' || n || '.jpg', md5(n::text) || md5('of ' || n), 'JPEG',
    1024, 768, 200000, '', '', '', state, 1, '',
    CASE WHEN state = 'decided' THEN verdict END,
    CASE WHEN state = 'decided' AND verdict = 'REVIEW' THEN {reasons} ELSE '{{}}' END,
    CASE WHEN state = 'decided' THEN CASE WHEN p >= 0.17 THEN 'FAIL' ELSE 'PASS' END END,
    CASE WHEN state = 'decided' THEN p END, 0.001, 0.002, at_reason > 0.7 AND at_reason < 0.85, 2 * at_part, version,
    CASE WHEN state = 'decided' THEN came + interval '40 ms' END, 40,
    CASE WHEN verdict = 'REVIEW' AND state = 'decided' THEN came + interval '10 minutes' END,
    CASE WHEN verdict = 'REVIEW' AND state = 'decided' THEN
        CASE WHEN (at_said < 0.95) = (p < 0.17) THEN 'PASS' ELSE 'FAIL' END END
FROM (
    SELECT *, CASE WHEN verdict = 'PASS' THEN 0.04 * at_p WHEN verdict = 'FAIL' THEN 0.8 + 0.2 * at_p ELSE at_p END p,
        CASE WHEN source = 'import' THEN 'imported' WHEN n > {total} - 20 THEN 'pending' ELSE 'decided' END state,
        (SELECT v.id FROM mltasks_modelversion v JOIN inspection_product o ON o.registered_model_id = v.model_id
            WHERE o.id = product) version
    FROM (
        SELECT n, random() at_p, random() at_part, random() at_reason, random() at_said,
            CASE WHEN random() < 0.9 THEN {product} ELSE {other} END product,
            CASE WHEN r < 0.0005 THEN 'trial' ELSE 'line-' || 1 + (r * 5000)::int % 5 END station,
            CASE WHEN v < 0.12 THEN 'REVIEW' WHEN v < 0.15 THEN 'FAIL' ELSE 'PASS' END verdict,
            CASE WHEN s < 0.001 THEN 'upload' WHEN s < 0.01 THEN 'import' ELSE 'station' END source,
            now() - ({total} - n + random()) * interval '{days} days' / {total} came
        FROM (SELECT n, random() r, random() v, random() s FROM generate_series({first}, {last}) n) drawn
    ) rolled
) told
"""
_REASONS_SQL = """CASE WHEN at_reason < 0.7 THEN '{low_confidence}' WHEN at_reason < 0.8 THEN '{novel_anomaly}'
        WHEN at_reason < 0.85 THEN '{low_confidence,novel_anomaly}' WHEN at_reason < 0.9995 THEN '{audit_sample}'
        WHEN n < 20000 THEN '{no_model}' ELSE '{scoring_failed}' END::varchar[]"""

# Two thirds are the newest; the others have been passed over for long.
_WAITING_SQL = """
UPDATE inspection_inspection SET settled_at = NULL, person_says = NULL,
    queue_time = received_at - random() * interval '1 day', likeness = CASE WHEN random() < 0.97 THEN random() END
WHERE id IN (
    (SELECT id FROM inspection_inspection WHERE verdict = 'REVIEW' ORDER BY received_at DESC LIMIT {newest})
    UNION ALL
    (SELECT id FROM inspection_inspection WHERE verdict = 'REVIEW' AND received_at < now() - interval '{long} days'
        ORDER BY random() LIMIT {older})
)
"""

# One label in twenty first had the opposite verdict and was undone.
_LABEL_SQL = (
    """CREATE TEMP TABLE judged AS SELECT id part, product_id product, settled_at at, gen_random_uuid() claim,
        (ARRAY[{people}])[1 + floor(random() * {number})::int] reviewer, person_says said, random() < 0.05 wavered
    FROM inspection_inspection WHERE verdict = 'REVIEW' AND settled_at IS NOT NULL""",
    "ANALYZE judged",
    """INSERT INTO labeling_claim (id, inspection_id, reviewer_id, created_at, expires_at, closed_at)
    SELECT claim, part, reviewer, at - interval '4 s', at + interval '116 s', at FROM judged""",
    """INSERT INTO labeling_review (claim_id, inspection_id, reviewer_id, verdict, comment, seconds, created_at)
    SELECT claim, part, reviewer, CASE WHEN (said = 'PASS') = wavered THEN 'FAIL' ELSE 'PASS' END, '', 4, at
    FROM judged""",
    """INSERT INTO labeling_label
        (inspection_id, verdict, defect_type_id, source, review_id, reviewer_id, comment, created_at)
    SELECT part, r.verdict, CASE r.verdict WHEN 'FAIL' THEN
        (SELECT min(id) FROM labeling_defecttype t WHERE t.product_id = product) + r.id % 4 END,
        'review', r.id, reviewer, '', at
    FROM judged JOIN labeling_review r ON r.claim_id = judged.claim""",
    """INSERT INTO labeling_labelundo (label_id, by_id, created_at)
    SELECT id, reviewer, created_at + interval '5 s' FROM labeling_label JOIN judged ON part = inspection_id
    WHERE wavered""",
    """INSERT INTO labeling_label (inspection_id, verdict, source, reviewer_id, comment, created_at)
    SELECT part, said, 'correction', reviewer, '', at + interval '20 s' FROM judged WHERE wavered""",
)


def insert_parts_sql(product: Product, other_product: Product, first: int, last: int, total: int) -> str:
    """Return the statement that inserts inspections ``first`` to ``last`` of ``total``."""
    return _PARTS_SQL.format(
        reasons=_REASONS_SQL,
        product=product.pk,
        other=other_product.pk,
        first=first,
        last=last,
        total=total,
        days=DAYS,
    )


def mark_waiting_sql(number: int) -> str:
    """Return the statement that lets ``number`` of the REVIEW parts wait."""
    newest = number * 2 // 3
    return _WAITING_SQL.format(newest=newest, older=number - newest, long=DAYS * 6 // 10)


def label_parts_sql(reviewers: Sequence[int]) -> list[str]:
    """Return the statements for claims, reviews and labels of all resolved REVIEW parts."""
    people = ", ".join(map(str, reviewers))
    return [statement.format(people=people, number=len(reviewers)) for statement in _LABEL_SQL]
