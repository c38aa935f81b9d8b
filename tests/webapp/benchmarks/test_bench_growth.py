"""`make bench-growth`: it weighs what is there, writes as intake and scoring do, and compares the same rows."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.models import F

from inspection.models import Embedding, Fingerprint, Inspection, ScoreMaps
from webapp.benchmarks.growth import partitions, run, writing
from webapp.benchmarks.growth.satellites import add_satellite_rows
from webapp.benchmarks.queue.filling import BenchData, fill
from webapp.bootstrap.groups import make_groups

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def line(settings: Any, tmp_path: Path) -> BenchData:
    settings.MEDIA_ROOT = tmp_path / "media"
    make_groups(apps.get_app_config("labeling"))
    return fill(2000, 100, 2, lambda _: None)


def test_what_hangs_on_parts_is_there_and_weighed(line: BenchData, capsys: pytest.CaptureFixture[str]) -> None:
    add_satellite_rows()
    decided = Inspection.objects.filter(state="decided").count()
    assert ScoreMaps.objects.count() == Embedding.objects.count() == decided
    assert Fingerprint.objects.count() == Inspection.objects.filter(verdict="REVIEW").count()
    run.print_sizes(1)
    printed = {words[0]: words[1:] for line in capsys.readouterr().out.splitlines() if (words := line.split())}
    assert int(printed["inspection_scoremaps"][-1]) > 1300 * decided
    assert "inspection_by_image" in printed


def test_it_writes_parts_as_intake_and_scoring_do(
    line: BenchData, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # The processes that write have settings of their own.
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("MEDIA_ROOT", str(tmp_path / "media"))
    before = Inspection.objects.count()
    found = writing.measure_rate(2, 1)
    assert found.connections == 2 and found.parts_per_second > 0 and found.wal_bytes > 1000
    written = Inspection.objects.exclude(idempotency_key="")
    assert written.count() == Inspection.objects.count() - before > 40
    assert set(written.values_list("state", "verdict")) == {("decided", "PASS")}
    assert ScoreMaps.objects.filter(inspection__in=written).count() == written.count()


def test_it_removes_what_it_says(line: BenchData, capsys: pytest.CaptureFixture[str]) -> None:
    old = Inspection.objects.filter(product=line.product).count()
    run._time_removal(line.product, "rows alone", 200)
    assert "removed, rows alone: " in capsys.readouterr().out
    assert Inspection.objects.filter(product=line.product).count() < old
    assert run._create_files(line.product) == 2 * Inspection.objects.filter(product=line.product).count()


def test_months_hold_the_same_parts(line: BenchData, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.setattr(partitions, "REPEATS", 3)
    monkeypatch.setattr(partitions, "fill", lambda *_: line)
    monkeypatch.setattr(partitions, "call_command", lambda *_, **__: None)
    # As on the first day of a month: no part was received in it yet.
    Inspection.objects.update(received_at=F("received_at") - timedelta(days=40))
    try:
        partitions.compare(2000)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS whole, parted, sample")
    said = capsys.readouterr().out
    assert said.count("refused: ") == 3 and "accepted" not in said
    whole, parted = said.rsplit("left of the month: whole ", 1)[1].split(", parted ")
    assert int(whole) == int(parted) > 0


def test_it_refuses_sizes_that_make_no_sense() -> None:
    command = [sys.executable, "-m", "webapp.benchmarks", "growth", "--inspections", "10"]
    root = Path(settings.BASE_DIR)
    ended = subprocess.run(command, cwd=root, env={**os.environ}, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "--inspections: use a number from 20,000 to 10,000,000" in ended.stderr
