"""How many parts retention removed: what counts parts goes on counting them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime

from django.db import connection, models
from django.utils import timezone

from inspection.models.choices import Verdict


class RemovedParts(models.Model):
    """The parts of a product that came on one local day, got one verdict and are removed. Written with their removal,
    in one transaction: a part is a row of its own or counted here."""

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
    """Note that parts which came at these times are removed now."""
    days: Counter[date] = Counter(timezone.localdate(moment) for moment in received_at)
    with connection.cursor() as cursor:
        # In the order of days, so that two that remove at once never wait in a ring.
        for day, number in sorted(days.items()):
            cursor.execute(_UPSERT_SQL, [product_id, day, verdict, number])


# The ORM's upsert can't add to what is there.
_UPSERT_SQL = """
    INSERT INTO inspection_removedparts AS counted (product_id, day, verdict, number) VALUES (%s, %s, %s, %s)
    ON CONFLICT (product_id, day, verdict) DO UPDATE SET number = counted.number + EXCLUDED.number
"""
