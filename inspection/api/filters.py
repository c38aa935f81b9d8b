"""Access, filters and pagination of past inspections. Pages stay stable while parts arrive."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.http import QueryDict
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request

from inspection.api.authentication import request_station
from inspection.api.serializers import MAX_PAGE_SIZE, HistoryFilterSerializer
from inspection.models import Inspection, InspectionQuerySet, Product, Station
from inspection.refusals import UnknownFilter
from mltasks.api.cursor_pages import TimestampCursorPagination

LOOKUPS = {
    "verdict": "verdict",
    "label": "model_verdict",
    "part_id": "part_id",
    "received_after": "received_at__gte",
    "received_before": "received_at__lt",
}
MODEL_FILTERS = {"verdict", "label", "reason"}
CURSOR_PARAMETER = "cursor"


def visible_inspections(request: Request) -> InspectionQuerySet:
    """Return the inspections of a station's own product, or all inspections for a person."""
    inspections = Inspection.objects.with_version().select_related("product", "station")
    station = request_station(request)
    return inspections if station is None else inspections.filter(product=station.product)


def filter_inspections(
    inspections: InspectionQuerySet, query: QueryDict, blind: Collection[UUID] = ()
) -> InspectionQuerySet:
    """Apply the query's filters. Raises UnknownFilter, and ValidationError for a bad value.

    A filter by model output excludes ``blind`` parts: a match would reveal the model's verdict.
    """
    _check_filter_names(query)
    form = HistoryFilterSerializer(data={name: query[name] for name in query if name != CURSOR_PARAMETER})
    form.is_valid(raise_exception=True)
    values = form.validated_data
    lookups = {LOOKUPS[name]: value for name, value in values.items() if name in LOOKUPS}
    # With the keys of product and station, the planner knows the number of parts.
    if "product" in values:
        lookups["product__in"] = list(Product.objects.filter(slug=values["product"]))
    if "station" in values:
        lookups["station__in"] = list(Station.objects.filter(name=values["station"]))
    if "reason" in values:
        lookups["reasons__contains"] = [values["reason"]]
    inspections = inspections.filter(**lookups)
    return inspections.exclude(pk__in=blind) if blind and MODEL_FILTERS & set(values) else inspections


def _check_filter_names(query: QueryDict) -> None:
    allowed = {*HistoryFilterSerializer().fields, CURSOR_PARAMETER}
    if unknown := sorted(set(query) - allowed):
        raise UnknownFilter(f"Unknown filter: {', '.join(unknown)}. Known filters: {', '.join(sorted(allowed))}.")
    if twice := sorted(name for name in query if len(query.getlist(name)) > 1):
        raise ValidationError(dict.fromkeys(twice, "Send this filter only once."))


class NewestFirstPagination(TimestampCursorPagination):
    """Cursor pagination by time of arrival, 50 inspections or ``page_size`` a page."""

    ordering = ("-received_at", "-id")
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = MAX_PAGE_SIZE

    def decode_cursor(self, request: Request) -> Any:
        """Decode the cursor. Raises ValidationError for an invalid cursor."""
        try:
            return super().decode_cursor(request)
        except NotFound:
            text = "This cursor is invalid. Use the address in `next` or `previous`."
            raise ValidationError({CURSOR_PARAMETER: text}) from None
