"""Search of parts by id, by image sha256, or by the beginning of the part id.

Few matches are looked up by index. With many, each page scans a window of parts. The choice is not left to the
planner: it can't know that all matches are a year old, and would scan the year for the newest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F, OrderBy, Q

from inspection.models import Inspection, InspectionQuerySet, Product
from inspection.products.part_identity import normalize_part_id

# Matches that are looked up by key.
MAX_ID_MATCHES = 2_000
# Parts that one page scans at most, if there are more matches.
SCAN_WINDOW = 20_000
_SHA256 = re.compile(r"[0-9a-f]{64}")
MAX_UUID = UUID(int=2**128 - 1)
PagePosition = tuple[datetime, UUID]


@dataclass(frozen=True)
class Search:
    """Condition of a search and how to run it.

    ``by_id``: few matches, looked up by key. ``scan_window``: number of parts that a page scans; 0 for all.
    """

    condition: Q
    by_id: bool = False
    scan_window: int = 0

    @property
    def newest_first(self) -> tuple[OrderBy, OrderBy]:
        """Return the order of a page, newest first.

        With ``by_id``, a zero interval is added to the time: no index has this sum, so the planner fetches the matches
        and sorts them.
        """
        came = F("received_at") + timedelta(0) if self.by_id else F("received_at")
        return OrderBy(came, descending=True), OrderBy(F("id"), descending=True)

    def scan_end(self, product: Product, position: PagePosition | None) -> datetime | None:
        """Return the time at which the scan of a page ends; None for no end."""
        if not self.scan_window:
            return None
        parts = Inspection.objects.filter(product=product)
        if position is not None:
            parts = parts.filter(received_at__lte=position[0])
        times = parts.order_by("-received_at").values_list("received_at", flat=True)
        return times[self.scan_window : self.scan_window + 1].first()

    def apply_to(self, parts: InspectionQuerySet, end: datetime | None) -> InspectionQuerySet:
        """Return the matching parts that were received after ``end``."""
        matches = parts.filter(self.condition)
        return matches if end is None else matches.filter(received_at__gt=end)


class BytewiseOrder(OrderBy):
    """Order of the index `inspection_by_part_id`, whatever the database's collation."""

    # Django splits the SQL at the word ASC; the comment supplies the word.
    template = "%(expression)s USING ~<~ /* ASC */"


def build_search(parts: InspectionQuerySet, text: str) -> Search:
    """Return the search for an id, a sha256 or the beginning of a part id; empty text: all."""
    if not text:
        return Search(Q())
    if _SHA256.fullmatch(text.lower()):
        return Search(Q(image_sha256=text.lower()), by_id=True)
    try:
        return Search(Q(pk=UUID(text)))
    except ValueError:
        begins = Q(part_id__startswith=normalize_part_id(text)) & ~Q(part_id="")  # as the index has it
    ordered = parts.filter(begins).order_by(BytewiseOrder(F("part_id")))
    keys = list(ordered.values_list("pk", flat=True)[: MAX_ID_MATCHES + 1])
    return (
        Search(Q(pk__in=keys), by_id=True) if len(keys) <= MAX_ID_MATCHES else Search(begins, scan_window=SCAN_WINDOW)
    )
