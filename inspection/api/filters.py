"""Past inspections: who sees which, filters, and pages that stay true while new parts arrive."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from django.http import QueryDict
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request

from inspection.api.authentication import station_of
from inspection.api.serializers import MAX_PAGE, HistoryFilterSerializer
from inspection.models import Inspection, InspectionQuerySet, Product, Station
from inspection.refusals import UnknownFilter
from mltasks.api.cursor_pages import MomentCursorPagination

LOOKUPS = {
    "verdict": "verdict",
    "label": "label",
    "part_id": "part_id",
    "received_after": "received_at__gte",
    "received_before": "received_at__lt",
}
TOLD_BY_MODEL = {"verdict", "label", "reason"}
CURSOR = "cursor"


def visible_to(request: Request) -> InspectionQuerySet:
    """A station's own product's inspections; all of them for a person."""
    found = Inspection.objects.select_related("product", "station", "model_version")
    station = station_of(request)
    return found if station is None else found.filter(product=station.product)


def filtered(found: InspectionQuerySet, query: QueryDict, blind: Collection[UUID] = ()) -> InspectionQuerySet:
    """Narrow by the query's filters. Raises UnknownFilter, and ValidationError for a bad value.

    A filter by what the model says passes over ``blind`` parts: a part that fits would tell it.
    """
    _check_names(query)
    asked = HistoryFilterSerializer(data={name: query[name] for name in query if name != CURSOR})
    asked.is_valid(raise_exception=True)
    values = asked.validated_data
    found = _of_place(found, values)
    found = found.filter(**{LOOKUPS[name]: value for name, value in values.items() if name in LOOKUPS})
    if blind and TOLD_BY_MODEL & set(values):
        found = found.exclude(pk__in=blind)
    return found.filter(reasons__contains=[values["reason"]]) if "reason" in values else found


def _of_place(found: InspectionQuerySet, values: Mapping[str, Any]) -> InspectionQuerySet:
    """By product and station, looked up first: by their keys the planner knows how many parts they have."""
    if "product" in values:
        found = found.filter(product__in=list(Product.objects.filter(slug=values["product"])))
    if "station" in values:
        found = found.filter(station__in=list(Station.objects.filter(name=values["station"])))
    return found


def _check_names(query: QueryDict) -> None:
    known = {*HistoryFilterSerializer().fields, CURSOR}
    if unknown := sorted(set(query) - known):
        raise UnknownFilter(f"There is no filter {', '.join(unknown)}. There are {', '.join(sorted(known))}.")
    if twice := sorted(name for name in query if len(query.getlist(name)) > 1):
        raise ValidationError(dict.fromkeys(twice, "Given more than once."))


class NewestFirst(MomentCursorPagination):
    """Pages by time of arrival, 50 at a time or ``page_size``."""

    ordering = ("-received_at", "-id")
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = MAX_PAGE

    def decode_cursor(self, request: Request) -> Any:
        """Read the cursor. Raises ValidationError for one that is not ours."""
        try:
            return super().decode_cursor(request)
        except NotFound:
            raise ValidationError({CURSOR: "This is no cursor of ours."}) from None
