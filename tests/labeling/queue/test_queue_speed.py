"""A long queue is claimed from by index: a claim reads a handful of rows, however many wait."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inspection.models import Product
from labeling.models import Skip
from labeling.queue import queue, queue_stats
from tests.labeling.conftest import make_part, make_product

pytestmark = pytest.mark.slow

WAITING = 20_000


@pytest.fixture
def long_queue(product: Product) -> Product:
    """As many waiting parts as settled ones; the parts of the product asked for came after all those of another."""
    other = make_product("case")
    columns = [str(field.column) for field in make_part(product)._meta.concrete_fields]
    changed = {"id": "gen_random_uuid()", "received_at": "received_at + n * interval '1 s'"}
    changed["product_id"] = f"CASE WHEN n % {WAITING} < {WAITING // 2} THEN {other.pk} ELSE {product.pk} END"
    changed["settled_at"] = f"CASE WHEN n > {WAITING} THEN now() END"
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO inspection_inspection ({', '.join(columns)})"  # noqa: S608 - our own column names
            f" SELECT {', '.join(changed.get(name, name) for name in columns)}"
            f" FROM inspection_inspection, generate_series(1, {2 * WAITING}) AS n"
        )
        cursor.execute("ANALYZE inspection_inspection, labeling_claim")
    return product


def scans(plan: dict[str, Any]) -> list[tuple[str, int]]:
    """Index or table of every scan in a plan, and the rows that it read."""
    own = [(plan.get("Index Name", plan["Relation Name"]), plan["Actual Rows"])] if "Relation Name" in plan else []
    return own + [scan for child in plan.get("Plans", []) for scan in scans(child)]


@pytest.mark.parametrize("of_one_product", [True, False])
def test_a_claim_reads_one_row_of_a_long_queue(long_queue: Product, ada: User, of_one_product: bool) -> None:
    assert queue_stats.waiting_count() == WAITING + 1
    held: list[UUID] = []
    # The part that the rows were made from is the oldest; the next comes after all those of the other product.
    for _ in range(2):
        with CaptureQueriesContext(connection) as asked:
            claim = queue.claim(reviewer=ada, product=long_queue if of_one_product else None, excluding=held)
        assert claim is not None
        held.append(claim.pk)
    looks = [query["sql"] for query in asked if "received_at" in query["sql"] and "EXISTS" in query["sql"]]
    with connection.cursor() as cursor:
        for look in looks:
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {look}")
            read = scans(cursor.fetchone()[0][0]["Plan"])
            assert "inspection_queue_place" in [name for name, _ in read]
            # The claimed parts, which it passes over, and the next.
            assert all(rows <= 4 for _, rows in read)
    assert looks


def test_a_claim_walks_past_what_its_reviewer_skipped_and_no_further(long_queue: Product, ada: User, bob: User) -> None:
    with connection.cursor() as cursor:
        # All that bob skipped, and the first 20 that ada did.
        cursor.execute(
            "WITH parts AS (SELECT id, row_number() OVER (ORDER BY coalesce(queue_time, received_at), id) AS n"
            "  FROM inspection_inspection WHERE settled_at IS NULL AND product_id = %s),"
            " claims AS (INSERT INTO labeling_claim (id, inspection_id, reviewer_id, created_at, expires_at, closed_at)"
            "  SELECT gen_random_uuid(), id, r, now(), now(), now() FROM parts, unnest(ARRAY[%s, %s]) AS r"
            "  WHERE r = %s OR n <= 20 RETURNING id, inspection_id, reviewer_id)"
            " INSERT INTO labeling_skip (claim_id, inspection_id, reviewer_id, reason, comment)"
            " SELECT id, inspection_id, reviewer_id, 'other', '' FROM claims",
            [long_queue.pk, ada.pk, bob.pk, bob.pk],
        )
        cursor.execute("ANALYZE labeling_claim, labeling_skip")
    assert Skip.objects.count() > WAITING // 2
    with CaptureQueriesContext(connection) as asked:
        claim = queue.claim(reviewer=ada, product=long_queue)
    assert claim is not None
    assert not Skip.objects.filter(inspection=claim.inspection_id, reviewer=ada).exists()
    (look,) = [query["sql"] for query in asked if "received_at" in query["sql"] and "EXISTS" in query["sql"]]
    queue.release(claim)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {look}")
        read = dict(scans(cursor.fetchone()[0][0]["Plan"]))
    assert read["inspection_queue_place"] <= 22
    assert all(rows <= 22 for rows in read.values()), read
