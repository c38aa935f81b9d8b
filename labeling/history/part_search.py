"""Parts by their id, by the sha256 of their image, or by what their part id begins with. Few are found by index; many
only where the page looks, stretch by stretch.

Which of the two it is must not be left to the planner: it can't know that all parts that begin so came a year ago, and
would walk the year to find the newest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F, OrderBy, Q

from inspection.models import Inspection, InspectionQuerySet, Product
from inspection.products.part_identity import normalize_part_id

# Parts that are looked up one by one.
MAX_ID_MATCHES = 2_000
# Parts that one page walks past at most, where more fit.
SCAN_WINDOW = 20_000
_SHA256 = re.compile(r"[0-9a-f]{64}")
MAX_UUID = UUID(int=2**128 - 1)
PagePosition = tuple[datetime, UUID]


@dataclass(frozen=True)
class Search:
    """What is searched: ``fits`` narrows a set of parts, to a ``few`` that are known or to many. The many are looked
    for by the ``scan_window``, so many parts at a time; 0 is all at once."""

    condition: Q
    by_id: bool = False
    scan_window: int = 0

    @property
    def newest_first(self) -> tuple[OrderBy, OrderBy]:
        """The order of a page. A few parts are fetched and sorted: no index has this sum, which the planner could walk
        until it met them."""
        came = F("received_at") + timedelta(0) if self.by_id else F("received_at")
        return OrderBy(came, descending=True), OrderBy(F("id"), descending=True)

    def scan_end(self, product: Product, position: PagePosition | None) -> datetime | None:
        """Where a page that begins at the position ends its search; None for the beginning of time."""
        if not self.scan_window:
            return None
        parts = Inspection.objects.filter(product=product)
        if position is not None:
            parts = parts.filter(received_at__lte=position[0])
        times = parts.order_by("-received_at").values_list("received_at", flat=True)
        return times[self.scan_window : self.scan_window + 1].first()

    def apply_to(self, parts: InspectionQuerySet, end: datetime | None) -> InspectionQuerySet:
        """Those of the parts that fit and came after the end."""
        found = parts.filter(self.condition)
        return found if end is None else found.filter(received_at__gt=end)


class BytewiseOrder(OrderBy):
    """The order of the index `inspection_by_part_id`, whatever the database's collation."""

    # Django looks for the word ASC; the operator stands in its place.
    template = "%(expression)s USING ~<~ /* ASC */"


def build_search(parts: InspectionQuerySet, text: str) -> Search:
    """Look for parts whose id is the text, whose image has it as its sha256, or whose part id begins with it; an empty
    text fits all."""
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
