"""What Prometheus reads: request latencies of all web processes, and the state of the line from the database."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from prometheus_client import REGISTRY, CollectorRegistry, Histogram, generate_latest, multiprocess
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from inspection.models import Inspection, Product
from labeling import backlog
from mltasks.models import TrainingRun

_LATENCY = Histogram(
    "second_look_http_request_seconds",
    "Time from a request's arrival in the application to its answer.",
    ["method", "view", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class MeasureMiddleware:
    """Times every request by its view's name, so that no path or id becomes a label."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, and note how long it took."""
        begun = time.perf_counter()
        response = self._get_response(request)
        match = request.resolver_match
        method = request.method if request.method in _METHODS else "other"
        labels = (method, match.view_name if match else "none", str(response.status_code))
        _LATENCY.labels(*labels).observe(time.perf_counter() - begun)
        return response


class LineCollector(Collector):
    """The state of the line, asked from the database at each reading: the same from whichever process answers."""

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics. Raises OperationalError when the database is away."""
        yield self._inspections()
        yield from self._queue()
        yield self._runs()

    def _inspections(self) -> Metric:
        family = CounterMetricFamily(
            "second_look_inspections", "Inspected parts by the verdict they got.", labels=["product", "verdict"]
        )
        decided = Inspection.objects.filter(state=Inspection.State.DECIDED).order_by()
        for slug, verdict, count in decided.values_list("product__slug", "verdict").annotate(count=Count("id")):
            family.add_metric([slug, verdict], count)
        return family

    def _queue(self) -> Iterator[Metric]:
        length = GaugeMetricFamily("second_look_queue_length", "Parts that wait for a person.", labels=["product"])
        oldest = GaugeMetricFamily(
            "second_look_queue_oldest_seconds", "Age of the part that waits longest.", labels=["product"]
        )
        waiting = backlog.waiting_by_product()
        for product in Product.objects.filter(pk__in=waiting):
            length.add_metric([product.slug], waiting[product.pk])
            oldest.add_metric([product.slug], (backlog.oldest_wait(product) or timedelta()).total_seconds())
        yield from (length, oldest)

    def _runs(self) -> Metric:
        family = GaugeMetricFamily("second_look_training_runs", "Training runs by state.", labels=["state"])
        counted = dict(TrainingRun.objects.order_by().values_list("state").annotate(count=Count("id")))
        for state in TrainingRun.State.values:
            family.add_metric([state], counted.get(state, 0))
        return family


def exposition() -> bytes:
    """Return all metrics in Prometheus's text format."""
    shared = CollectorRegistry()
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        multiprocess.MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
    shared.register(LineCollector())
    own = b"" if os.environ.get("PROMETHEUS_MULTIPROC_DIR") else generate_latest(REGISTRY)
    return own + generate_latest(shared)
