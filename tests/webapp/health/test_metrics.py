"""Metrics: who may read them, and that neither requests nor restarts let them grow for ever."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import ResolverMatch
from prometheus_client.mmap_dict import MmapedDict

from webapp.config import settings_checks
from webapp.health import metrics_files, prometheus

TOKEN = "zR8vQ2mZx7Lw4TnYb9HsJc3F"
# Counts requests in a process of its own, as a web process does, and ends.
COUNTING = """
from prometheus_client import Counter, Gauge, Histogram
Counter("parts", "Parts.", ["verdict"]).labels("PASS").inc({number})
Histogram("seconds", "Seconds.").observe({number})
Gauge("waiting", "Waiting.", multiprocess_mode="livesum").set(9)
Gauge("all_of_them", "One a process.").set(9)
"""
READING = """
from prometheus_client import CollectorRegistry, generate_latest, multiprocess
registry = CollectorRegistry()
multiprocess.MultiProcessCollector(registry)
print(generate_latest(registry).decode())
"""


def get_metrics(**options: Any) -> tuple[int, str]:
    response = Client().get("/metrics", **options)
    return response.status_code, response.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_this_machine_reads_them(peer: str) -> None:
    status, text = get_metrics(REMOTE_ADDR=peer)
    assert status == 200
    assert "second_look_training_runs" in text


@pytest.mark.parametrize("peer", ["192.0.2.7", "10.0.0.1", "2001:db8::1", "::ffff:192.0.2.7", ""])
def test_it_refuses_other_machines_and_says_what_to_set(peer: str) -> None:
    status, text = get_metrics(REMOTE_ADDR=peer)
    assert status == 403
    assert "METRICS_TOKEN" in text


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via", "X-Forwarded-Proto"])
def test_it_refuses_what_a_proxy_on_this_machine_passes_on(name: str) -> None:
    assert get_metrics(REMOTE_ADDR="127.0.0.1", headers={name: "127.0.0.1"})[0] == 403


def test_a_header_does_not_make_a_sender_local() -> None:
    assert get_metrics(REMOTE_ADDR="192.0.2.7", headers={"X-Forwarded-For": "127.0.0.1"})[0] == 403


@pytest.mark.django_db
def test_the_token_opens_them_from_anywhere(settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN
    assert get_metrics(REMOTE_ADDR="192.0.2.7", headers={"Authorization": f"Bearer {TOKEN}"})[0] == 200


@pytest.mark.parametrize("sent", ["", f"Bearer {TOKEN}x", f"Token {TOKEN}", "Bearer ", "Bearer \u00fc"])
def test_with_a_token_nobody_reads_them_without_it(settings: Any, sent: str) -> None:
    settings.METRICS_TOKEN = TOKEN
    assert get_metrics(REMOTE_ADDR="127.0.0.1", headers={"Authorization": sent})[0] == 401


def test_it_refuses_a_token_that_can_be_guessed(settings: Any) -> None:
    for token, problems in (("secret", 1), ("a" * 40, 1), (TOKEN, 0), ("", 0)):
        settings.METRICS_TOKEN = token
        assert len(settings_checks.check_metrics_token(None)) == problems


@pytest.fixture
def many_labels(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, ...]]]:
    """The labels of all requests, which are not really counted."""
    seen: list[tuple[str, ...]] = []

    class Latency:
        def labels(self, *labels: str) -> Latency:
            seen.append(labels)
            return self

        def observe(self, seconds: float) -> None:
            pass

    monkeypatch.setattr(prometheus, "_LATENCY", Latency())
    yield seen


def test_series_are_bounded_whatever_is_asked(many_labels: list[tuple[str, ...]]) -> None:
    status = 0
    measured = prometheus.RequestLatencyMiddleware(lambda _request: HttpResponse(status=status))
    for number in range(3_000):
        request = RequestFactory().generic(("GET", "POST", "PURGE", "PUT")[number % 4], "/")
        request.resolver_match = ResolverMatch(lambda: None, (), {}, url_name=f"view-{number % 900}")
        status = 200 + number % 300
        measured(request)
    assert len(set(many_labels)) <= prometheus.MAX_LABEL_SETS + 5
    assert ("other", "other", "4xx") in many_labels


@pytest.mark.django_db
def test_the_admin_is_one_view(many_labels: list[tuple[str, ...]]) -> None:
    Client().get("/admin/auth/user/")
    Client().get("/admin/labeling/label/7/change/")
    assert set(many_labels) == {("GET", "admin", "302")}


def run(code: str, folder: Path) -> str:
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(folder), "PATH": ""}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def test_dead_processes_leave_their_counts_and_no_files(tmp_path: Path) -> None:
    for number in (3, 4):
        run(COUNTING.format(number=number), tmp_path)
    (tmp_path / "counter_1.db").write_bytes(next(tmp_path.glob("counter_*.db")).read_bytes())  # process 1 always lives
    before = run(READING, tmp_path)
    for _ in range(2):
        metrics_files.merge_ended_processes(tmp_path)
    after = run(READING, tmp_path)
    counted = [line for line in before.splitlines() if line.startswith(("parts", "seconds"))]
    assert counted and all(line in after for line in counted)
    assert "waiting 9" not in after and "all_of_them" not in after
    names = sorted(path.name for path in tmp_path.glob("*.db"))
    assert names == ["counter_0.db", "counter_1.db", "histogram_0.db"]


def test_the_files_of_the_living_stay(tmp_path: Path) -> None:
    living = tmp_path / f"counter_{os.getpid()}.db"
    MmapedDict(str(living)).write_value('["a","a_total",{},""]', 1.0, 0.0)  # type: ignore[no-untyped-call]
    metrics_files.merge_ended_processes(tmp_path)
    assert living.exists()
