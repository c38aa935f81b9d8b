"""Latency of a station's newest parts, as exact quantiles, and the share of deadlines kept."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Aggregate, Count, F, FloatField, Q

from inspection.models import Inspection, Station

# The quantiles are those of so many newest parts, which an index finds: the cost does not grow with the history.
NEWEST_PARTS = 1000


class _Quantile(Aggregate):
    """PostgreSQL's ``percentile_cont``, which interpolates between two values."""

    function = "percentile_cont"
    template = "%(function)s(%(share)s) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = FloatField()


@dataclass(frozen=True, slots=True)
class StationLatency:
    """Quantiles of the milliseconds from arrival to verdict over ``parts`` parts; None without parts.

    ``kept`` of the ``with_deadline`` parts had their verdict in time.
    """

    parts: int
    p50: float | None
    p95: float | None
    p99: float | None
    with_deadline: int
    kept: int

    @property
    def kept_share(self) -> float | None:
        """Return the share of deadlines kept, 0 to 1; None if no part had one."""
        return self.kept / self.with_deadline if self.with_deadline else None


def station_latency(station: Station) -> StationLatency:
    """Return the latency of the station's ``NEWEST_PARTS`` newest decided parts."""
    decided = Inspection.objects.filter(station=station, latency_ms__isnull=False)
    newest = decided.order_by("-received_at", "-id").values("latency_ms", "deadline_ms")[:NEWEST_PARTS]
    return StationLatency(
        **newest.aggregate(
            parts=Count("*"),
            p50=_Quantile("latency_ms", share=0.5),
            p95=_Quantile("latency_ms", share=0.95),
            p99=_Quantile("latency_ms", share=0.99),
            with_deadline=Count("deadline_ms"),
            kept=Count("latency_ms", filter=Q(latency_ms__lte=F("deadline_ms"))),
        )
    )
