"""Admin pages of stations and their API keys."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action

from inspection.models import Station, StationKey
from inspection.products import queue_ranking, stations
from inspection.products.station_latency import station_latency
from mltasks.admin.read_only import ReadOnlyAdmin, badge
from mltasks.reports.report_text import format_share


class StationKeyInline(TabularInline):
    """Keys of a station. Only the hash of each key is stored."""

    model = StationKey
    fields = readonly_fields = ("prefix", "created", "revoked", "expiry_date")
    extra = 0
    max_num = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Forbid adding a key here: the action issues keys."""
        return False


@admin.register(Station)
class StationAdmin(ModelAdmin):
    """Camera stations. A new station gets its first key at once; the key is shown once."""

    list_display = ("name", "product", "roi", "bit_depth", "urgent", "keys_in_use", "created_at")
    list_filter = ("product", "urgent")
    list_select_related = ("product",)
    search_fields = ("name",)
    fields = ("product", "name", "roi", "bit_depth", "urgent", "deadline_ms", "latency")
    inlines = (StationKeyInline,)
    actions = ("issue_keys",)
    actions_submit_line = ("issue_key",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Station]:
        """Annotate the stations with the number of their valid keys."""
        rows: QuerySet[Station] = super().get_queryset(request)
        return rows.annotate(valid_keys=Count("keys", filter=Q(keys__revoked=False)))

    def get_readonly_fields(self, request: HttpRequest, obj: Station | None = None) -> tuple[str, ...]:
        """Make name and product of an existing station read-only, because answers contain both."""
        return ("product", "name", "latency") if obj else ("latency",)

    def save_model(self, request: HttpRequest, obj: Station, form: Any, change: bool) -> None:
        """Save the station, and issue a new station's first key."""
        if change:
            super().save_model(request, obj, form, change)  # also runs the action button beside "Save"
            queue_ranking.enqueue_reranking()
        else:
            made, key = stations.create_station(
                obj.product,
                obj.name,
                obj.roi,
                urgent=obj.urgent,
                bit_depth=obj.bit_depth,
                deadline_ms=obj.deadline_ms,
            )
            obj.pk = made.pk
            self._show_key_once(request, obj, key)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Forbid deletion, because inspections refer to the station."""
        return False

    def has_issue_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return True if the user may add keys."""
        return isinstance(request.user, User) and request.user.has_perm("inspection.add_stationkey")

    @admin.display(description=_("time to the verdict"))
    def latency(self, station: Station) -> str:
        """Return quantiles of the newest parts' latency, and the share of deadlines kept."""
        measured = station_latency(station) if station.pk else None
        if measured is None or not measured.parts:
            return gettext("no parts yet")
        text = gettext("p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms (last {parts} parts)")
        text = text.format(p50=measured.p50, p95=measured.p95, p99=measured.p99, parts=measured.parts)
        if measured.kept_share is None:
            return text
        return gettext("{latency}; deadlines kept: {share}").format(
            latency=text, share=format_share(measured.kept_share)
        )

    @admin.display(description=_("keys in use"), ordering="valid_keys")
    def keys_in_use(self, station: Any) -> int:
        """Return the number of the station's valid keys."""
        return int(station.valid_keys)

    @action(description=_("Issue a new key"), permissions=["issue"])
    def issue_key(self, request: HttpRequest, obj: Station) -> None:
        """Issue a key from the station's page."""
        self._show_key_once(request, obj, stations.issue_key(obj))

    @action(description=_("Issue a new key for each selected station"), permissions=["issue"])
    def issue_keys(self, request: HttpRequest, chosen: QuerySet[Station]) -> None:
        """Issue a key for each station chosen in the list."""
        for station in chosen.select_related("product"):
            self._show_key_once(request, station, stations.issue_key(station))

    @staticmethod
    def _show_key_once(request: HttpRequest, station: Station, key: str) -> None:
        text = gettext("The key of {station} is {key}. Copy it now: it cannot be shown again.")
        messages.warning(request, text.format(station=station, key=key))


@admin.register(StationKey)
class StationKeyAdmin(ReadOnlyAdmin):
    """All station keys, searchable by prefix and revocable."""

    list_display = ("prefix", "station", "status", "created", "expiry_date")
    list_filter = ("revoked", "station__product")
    list_select_related = ("station__product",)
    search_fields = ("prefix",)
    fields = ("station", "prefix", "created", "revoked", "expiry_date")
    actions = ("revoke",)

    def has_revoke_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return True if the user may change keys."""
        return isinstance(request.user, User) and request.user.has_perm("inspection.change_stationkey")

    @admin.display
    def status(self, key: StationKey) -> SafeString:
        """Return a badge that says if the key is in use or revoked."""
        return badge(gettext("revoked"), "past") if key.revoked else badge(gettext("in use"), "good")

    @action(description=_("Revoke permanently"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[StationKey]) -> None:
        """Revoke the chosen keys."""
        revoked = list(chosen.filter(revoked=False))
        for key in revoked:
            stations.revoke_key(key)
        text = gettext("Revoked {number} of the selected keys.")
        messages.success(request, text.format(number=len(revoked)))
