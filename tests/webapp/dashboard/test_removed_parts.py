"""What counts parts goes on counting those that retention removed."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from inspection.models import Inspection, Product
from labeling.history.retention import RetentionScope, prune
from tests.labeling.concurrency import run_concurrently
from tests.labeling.conftest import make_part, make_product
from tests.webapp.dashboard.test_pages import client_of, make_reviewer
from webapp.dashboard import dashboard_metrics


@pytest.fixture(autouse=True)
def own_media(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    cache.clear()


def aged_parts(product: Product) -> None:
    """Three parts a day of the last six days: two passed, one failed."""
    for day in range(6):
        for verdict in ("PASS", "PASS", "FAIL"):
            part = make_part(product, verdict=verdict)
            Inspection.objects.filter(pk=part.pk).update(received_at=timezone.now() - timedelta(days=day))


def counter_values(client: Client) -> dict[str, float]:
    lines = client.get("/metrics").content.decode().splitlines()
    wanted = [line.rsplit(" ", 1) for line in lines if line.startswith("second_look_inspections_total{")]
    return {name: float(value) for name, value in wanted}


def prune_parts(product: Product) -> int:
    return sum(
        batch.parts_removed
        for batch in prune(RetentionScope(product, timezone.now() - timedelta(hours=23), batch_size=3))
    )


@pytest.mark.django_db
@pytest.mark.parametrize("remembered", [True, False])
def test_counters_and_days_say_the_same_before_and_after(client: Client, remembered: bool) -> None:
    product = make_product()
    aged_parts(product)
    metrics, days = counter_values(client), dashboard_metrics.daily_counts(product)
    name = 'second_look_inspections_total{product="plate",verdict="PASS"}'
    assert metrics[name] == 12
    assert sum(day["passed"] for day in days) == 12
    assert prune_parts(product) == 10
    if not remembered:
        cache.clear()
    assert (counter_values(client), dashboard_metrics.daily_counts(product)) == (metrics, days)
    make_part(product, verdict="PASS")
    assert counter_values(client)[name] == 13


@pytest.mark.django_db(transaction=True)
def test_a_counter_never_moves_while_parts_are_removed(client: Client) -> None:
    product = make_product()
    for _ in range(4):
        aged_parts(product)

    def counted() -> list[tuple[int, int]]:
        found = []
        for _ in range(40):
            cache.clear()
            days = dashboard_metrics.daily_counts(product)
            found.append((sum(day["passed"] for day in days), int(sum(counter_values(Client()).values()))))
        return found

    seen, removed = run_concurrently([counted, partial(prune_parts, product)])
    assert removed == 40
    assert set(seen) == {(48, 72)}


@pytest.mark.django_db
def test_the_history_says_what_is_removed(settings: Any) -> None:
    make_part(make_product())
    client = client_of(make_reviewer())
    assert "are removed after" not in client.get("/inspections/").content.decode()
    settings.RETENTION_DAYS = 90
    page = client.get("/inspections/").content.decode()
    assert "Passed parts that no person handled are removed after 90 days" in page
