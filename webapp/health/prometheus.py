"""Prometheus metrics: request latencies of all web processes, and the plant's state."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from django.core.cache import cache
from django.db.models import Count, Q, Sum
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from prometheus_client import REGISTRY, CollectorRegistry, Histogram, generate_latest, multiprocess
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from inspection.models import Inspection, Product, RemovedParts
from labeling.queue import queue_stats
from mltasks.models import TrainingRun
from webapp.health import metrics_files
from webapp.health.readiness import champion_precisions

_LATENCY = Histogram(
    "second_look_http_request_seconds",
    "Time from a request's arrival in the application to its answer.",
    ["method", "view", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
# Each combination of labels is 15 lines; requests with every method and address must not add more without limit.
MAX_LABEL_SETS = 400
MetricLabels = tuple[str, str, str]
_label_sets: set[MetricLabels] = set()


class RequestLatencyMiddleware:
    """Middleware that times every request by its view's name; paths and ids are no labels.

    All pages of the admin are one view. A process keeps at most ``MAX_LABEL_SETS`` combinations of method, view and
    status.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, and record the latency."""
        begun = time.perf_counter()
        response = self._get_response(request)
        method = request.method if request.method in _METHODS else "other"
        observe_request(method, _view_name(request), response.status_code, time.perf_counter() - begun)
        return response


def observe_request(method: str, view: str, status: int, seconds: float) -> None:
    """Record the latency of one request."""
    labels = (method, view, str(status))
    if labels not in _label_sets and len(_label_sets) >= MAX_LABEL_SETS:
        labels = ("other", "other", f"{status // 100}xx")
    else:
        _label_sets.add(labels)
    _LATENCY.labels(*labels).observe(seconds)


def _view_name(request: HttpRequest) -> str:
    match = request.resolver_match
    if match is None:
        return "none"
    return "admin" if match.namespace == "admin" else match.view_name


class PlantCollector(Collector):
    """Collector of the plant's state, read from the database each time: equal in all processes."""

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics. Raises OperationalError when the database is unreachable."""
        products = dict(Product.objects.values_list("pk", "slug"))
        yield self._inspections(products)
        yield from self._queue(products)
        yield self._deferred()
        yield from self._fast_path(products)
        yield self._runs()
        yield self._precisions()

    def _inspections(self, products: dict[int, str]) -> Metric:
        family = CounterMetricFamily(
            "second_look_inspections", "Inspected parts by the verdict they got.", labels=["product", "verdict"]
        )
        for (product, verdict), count in sorted(_decided_counts().items()):
            family.add_metric([products[product], verdict], count)
        return family

    def _queue(self, products: dict[int, str]) -> Iterator[Metric]:
        length = GaugeMetricFamily("second_look_queue_length", "Parts that wait for review.", labels=["product"])
        oldest = GaugeMetricFamily(
            "second_look_queue_oldest_seconds",
            "Seconds that the oldest part has waited for review.",
            labels=["product"],
        )
        waiting, waits = queue_stats.waiting_count_by_product(), queue_stats.longest_wait_by_product()
        for product, number in waiting.items():
            length.add_metric([products[product]], number)
            oldest.add_metric([products[product]], waits.get(product, timedelta()).total_seconds())
        yield from (length, oldest)

    def _deferred(self) -> Metric:
        waiting = Inspection.objects.scoring_deferred().count()
        return GaugeMetricFamily("second_look_scoring_deferred", "Answered parts whose scores come later.", waiting)

    def _fast_path(self, products: dict[int, str]) -> Iterator[Metric]:
        passed = GaugeMetricFamily(
            "second_look_fast_path_parts", "Parts passed by the product's fast path.", labels=["product"]
        )
        leaks = GaugeMetricFamily(
            "second_look_fast_path_leaks",
            "Parts passed by the product's fast path that the full model would not have passed.",
            labels=["product"],
        )
        parts = Inspection.objects.filter(fast_path__isnull=False).order_by("fast_path__product")
        leaked = Count("id", filter=Q(full_graph_passes=False))
        for product, number, leaking in parts.values_list("fast_path__product").annotate(Count("id"), leaked=leaked):
            passed.add_metric([products[product]], number)
            leaks.add_metric([products[product]], leaking)
        yield from (passed, leaks)

    def _runs(self) -> Metric:
        family = GaugeMetricFamily("second_look_training_runs", "Training runs by state.", labels=["state"])
        counted = dict(TrainingRun.objects.order_by().values_list("state").annotate(count=Count("id")))
        for state in TrainingRun.State.values:
            family.add_metric([state], counted.get(state, 0))
        return family

    def _precisions(self) -> Metric:
        family = GaugeMetricFamily(
            "second_look_champion_precision",
            "1 for the precision in which this machine serves the model's champion.",
            labels=["model", "precision"],
        )
        for model, precision in champion_precisions().items():
            if precision:
                family.add_metric([model, precision], 1)
        return family


def _decided_counts() -> Counter[tuple[int, str]]:
    """Count parts by product and verdict, including parts that retention removed.

    Each process counts the parts before yesterday once a day, as soon as none is pending. All processes then report
    the same, and a counter never decreases.
    """
    yesterday = timezone.localdate() - timedelta(days=1)
    border = timezone.make_aware(datetime.combine(yesterday, datetime.min.time()))
    key, old = f"decided-before-{yesterday}", Q(received_at__lt=border)
    counted: Counter[tuple[int, str]] | None = cache.get(key)
    if counted is None:
        all_decided = not Inspection.objects.filter(old).awaiting_score().exists()
        counted = _count_by_verdict(old, Q(day__lt=yesterday))
        if all_decided:
            cache.set(key, counted, 2 * 86_400)
    return counted + _count_by_verdict(Q(received_at__gte=border), Q(day__gte=yesterday))


def _count_by_verdict(inspections: Q, removed: Q) -> Counter[tuple[int, str]]:
    """Count in one statement, so that a part removed meanwhile is counted once."""
    parts = Inspection.objects.filter(inspections, verdict__isnull=False).order_by()
    rows = parts.values_list("product", "verdict").annotate(number=Count("id"))
    gone = RemovedParts.objects.filter(removed).values_list("product", "verdict").annotate(number=Sum("number"))
    counts: Counter[tuple[int, str]] = Counter()
    for product, verdict, number in rows.union(gone, all=True):
        counts[product, str(verdict)] += int(number)
    return counts


def metrics_text() -> bytes:
    """Return all metrics in Prometheus's text format."""
    line = CollectorRegistry()
    line.register(PlantCollector())
    return _process_metrics() + generate_latest(line)


def _process_metrics() -> bytes:
    """Return the sums over all web processes, or the metrics of a single process."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if not folder:
        return generate_latest(REGISTRY)
    metrics_files.merge_ended_processes(Path(folder))
    shared = CollectorRegistry()
    multiprocess.MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
    with metrics_files.locked(Path(folder)):
        return generate_latest(shared)
