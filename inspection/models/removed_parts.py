"""Counts of parts that retention removed, so that totals still include these parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime

from django.db import connection, models
from django.utils import timezone

from inspection.models.choices import Verdict


class RemovedParts(models.Model):
    """Number of a product's removed parts of one local day and one verdict.

    The count is written in the transaction that removes the rows, so each part is either a row or counted here.
    """

    product = models.ForeignKey("inspection.Product", on_delete=models.PROTECT, related_name="+", db_index=False)
    day = models.DateField()
    verdict = models.CharField(max_length=6, choices=Verdict)
    number = models.PositiveBigIntegerField()

    class Meta:
        verbose_name_plural = "removed parts"
        constraints = [
            models.UniqueConstraint(fields=["product", "day", "verdict"], name="removed_parts_once_per_day"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.verdict} of {self.day}"


def record_removed_parts(product_id: int, verdict: Verdict, received_at: Iterable[datetime]) -> None:
    """Count parts, given their times of arrival, as removed."""
    days: Counter[date] = Counter(timezone.localdate(moment) for moment in received_at)
    with connection.cursor() as cursor:
        # Sorted by day, so that concurrent removals never deadlock.
        for day, number in sorted(days.items()):
            cursor.execute(_UPSERT_SQL, [product_id, day, verdict, number])


# The ORM's upsert can't add to an existing value.
_UPSERT_SQL = """
    INSERT INTO inspection_removedparts AS counted (product_id, day, verdict, number) VALUES (%s, %s, %s, %s)
    ON CONFLICT (product_id, day, verdict) DO UPDATE SET number = counted.number + EXCLUDED.number
"""
