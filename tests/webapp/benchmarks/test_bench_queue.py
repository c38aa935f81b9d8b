"""`make bench-queue`: its rows are what it says, its pages are all there, and it sees a table read from end to end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings

from inspection.models import Inspection
from labeling.models import Label, LabelUndo
from labeling.queue import queue_stats
from webapp.benchmarks.queue import claims, pages, plans
from webapp.benchmarks.queue.filling import BenchData, fill
from webapp.benchmarks.queue.timing import Timing
from webapp.bootstrap.groups import make_groups

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def line() -> BenchData:
    make_groups(apps.get_app_config("labeling"))
    return fill(2000, 100, 2, lambda _: None)


def test_it_fills_what_it_says(line: BenchData) -> None:
    assert Inspection.objects.count() == 2000
    assert queue_stats.waiting_count() == 100
    settled = Inspection.objects.filter(resolved_at__isnull=False).count()
    labels = Label.objects.not_undone()
    assert settled == labels.values("inspection").distinct().count() == labels.count()
    assert LabelUndo.objects.count() == Label.objects.filter(source="correction").count() > 0
    assert Inspection.objects.model_contradicted().exists()
    assert set(Inspection.objects.values_list("state", flat=True)) == {"pending", "decided", "imported"}


def test_reviewers_claim_different_parts_and_every_page_opens(line: BenchData, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "PAUSE_SECONDS", (0, 0))
    work = claims.time_reviewers_at_once(line, 5)
    assert len(set(work.parts)) == len(work.parts) == 10
    assert len(work.claims.times) == len(work.verdicts.times) == 10
    rest = claims.time_one_client(line, 5)
    assert len({*work.parts, *rest.parts}) == 15
    assert Label.objects.filter(inspection__in=rest.parts, source="review").count() == 5
    monkeypatch.setattr(pages, "REPEATS", 1)
    monkeypatch.setattr(pages, "_filter_pair_urls", lambda _: [])
    timings = pages.time_all_pages(pages.PageVisitor(line), lambda _: None)
    assert all(timing.times for timing in timings if timing.name != "history, two filters")


def test_it_sees_a_table_read_from_end_to_end(line: BenchData) -> None:
    whole = plans.sequential_scans(lambda: Inspection.objects.filter(original_filename="part-7.jpg").count())
    assert len(whole) == 1 and "part-7.jpg" in whole[0]
    assert (
        plans.sequential_scans(lambda: Inspection.objects.filter(pk=line.product.inspections.first().pk).first()) == []
    )


def test_a_limit_holds_for_the_95th_percentile() -> None:
    held = Timing("claim", 20.0, [1.0] * 99 + [500.0])
    missed = Timing("claim", 20.0, [1.0] * 90 + [50.0] * 10)
    assert (held.within_limit, missed.within_limit) == (True, False)
    assert "under 20: NO" in missed.table_row()


def test_it_refuses_sizes_that_make_no_sense() -> None:
    command = [sys.executable, "-m", "webapp.benchmarks", "queue", "--inspections", "10"]
    root = Path(settings.BASE_DIR)
    ended = subprocess.run(command, cwd=root, env={**os.environ}, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "--inspections: use a number from 20,000 to 10,000,000" in ended.stderr
