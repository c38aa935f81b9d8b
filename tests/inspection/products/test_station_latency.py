"""The quantiles of a station's latency are exact, and of its newest parts alone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from inspection.models import Inspection, Station
from inspection.products import station_latency
from inspection.products.station_latency import StationLatency


def add_parts(station: Station, latencies: list[int], deadline_ms: int | None = None) -> None:
    """Decided parts with these milliseconds, the first the oldest, all older than those added before."""
    image = {"image_format": "JPEG", "image_width": 1, "image_height": 1, "image_bytes": 1}
    oldest = timezone.now() - timedelta(hours=1 + Inspection.objects.count())
    for number, latency in enumerate(latencies):
        part = Inspection.objects.create(
            product=station.product,
            station=station,
            state="decided",
            verdict="PASS",
            latency_ms=latency,
            deadline_ms=deadline_ms,
            **image,
        )
        Inspection.objects.filter(pk=part.pk).update(received_at=oldest + timedelta(seconds=number))


def test_quantiles_and_kept_deadlines_are_exact(station: Station) -> None:
    add_parts(station, list(range(1, 51)))
    add_parts(station, list(range(51, 101)), deadline_ms=90)
    measured = station_latency.station_latency(station)
    assert (measured.parts, measured.p50, measured.p95) == (100, 50.5, pytest.approx(95.05))
    assert (measured.p99, measured.with_deadline, measured.kept) == (pytest.approx(99.01), 50, 40)
    assert measured.kept_share == 0.8


def test_only_the_newest_parts_count(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(station_latency, "NEWEST_PARTS", 3)
    add_parts(station, [500, 500, 10, 20, 30])
    measured = station_latency.station_latency(station)
    assert (measured.parts, measured.p50, measured.kept_share) == (3, 20, None)


def test_a_station_without_parts_has_none(station: Station) -> None:
    assert station_latency.station_latency(station) == StationLatency(0, None, None, None, 0, 0)
