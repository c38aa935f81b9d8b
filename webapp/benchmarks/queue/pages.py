"""Timing of pages: the history by each filter and each pair of filters, and other pages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import combinations
from urllib.parse import urlencode

from django import forms
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from inspection.models import Inspection
from labeling.web.forms import HistoryForm
from mltasks.vision.benchmarks.printing import PrintLine
from webapp.benchmarks.queue import plans
from webapp.benchmarks.queue.filling import BenchData
from webapp.benchmarks.queue.timing import Timing

HISTORY_LIMIT_MS = 150.0
REPEATS = 5
# Pages that count a day's parts or all parts scan by design: only their time is reported.
COUNTING_PAGES = ("metrics",)
# Prefixes that match most parts, many old parts, a scattered few, one part, and none.
SEARCHES = ("P-", "P-0001", "P-00002", "LOT7-", "LOT", "P-00000777", "NO-SUCH-PART", "Z")


class PageVisitor:
    """Client of the manager that opens pages and collects sequential scans of the inspections."""

    def __init__(self, line: BenchData) -> None:
        self.line = line
        self.sequential_scans: dict[str, list[str]] = {}
        self._client = logged_in_client(line.manager)

    def open(self, address: str) -> None:
        """Open a page. Raises RuntimeError for a status other than 200."""
        answer = self._client.get(address)
        if answer.status_code != 200:
            raise RuntimeError(f"{address} answered {answer.status_code}")

    def visit(self, timing: Timing, addresses: list[str], times: int, *, report_scans: bool = True) -> Timing:
        """Open each address ``times`` times, after one opening for its plans, which also warms it."""
        for address in addresses:
            scans = plans.sequential_scans(lambda: self.open(address))  # noqa: B023 - called at once
            if scans and report_scans:
                self.sequential_scans[address] = scans
            for _ in range(times):
                timing.time(lambda: self.open(address), address)  # noqa: B023
        return timing


def logged_in_client(person: User) -> Client:
    """Return a client logged in as ``person``, without the login form."""
    client = Client(HTTP_HOST="127.0.0.1")
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client


def time_all_pages(visitor: PageVisitor, say: PrintLine) -> list[Timing]:
    """Time all pages."""
    timings = []
    history = {
        "one filter": single_filter_urls(),
        "two filters": _filter_pair_urls(visitor.line),
        "cursor pages": _cursor_urls(visitor.line),
        "part id": _search_urls(),
        "contact sheet": ["/inspections/?look=sheet"],
    }
    for name, addresses in history.items():
        timing = Timing(f"history, {name}", HISTORY_LIMIT_MS)
        timings.append(visitor.visit(timing, addresses, 1 if name == "two filters" else REPEATS))
        say(f"{len(addresses)} addresses: {timing.name}")
    for name, address in other_pages(visitor.line):
        timings.append(visitor.visit(Timing(name), [address], REPEATS, report_scans=name not in COUNTING_PAGES))
    return timings


def _choices(line: BenchData | None = None) -> dict[str, list[str]]:
    """Return every choice of every filter of the history."""
    form = HistoryForm({}, product=line.product if line else Inspection.objects.earliest("received_at").product)
    fields = {bound.name: bound.field for bound in form if isinstance(bound.field, forms.ChoiceField)}
    # The same choices as in the page's select fields.
    return {name: [str(value) for value, _ in field.widget.choices if value] for name, field in fields.items()}


def single_filter_urls() -> list[str]:
    """Return the addresses of the history without a filter and with each choice of each filter."""
    return ["/inspections/", *(_history_url({name: value}) for name, values in _choices().items() for value in values)]


def _filter_pair_urls(line: BenchData) -> list[str]:
    return [
        _history_url({name: value, other_name: other_value})
        for (name, values), (other_name, other_values) in combinations(_choices(line).items(), 2)
        for value in values
        for other_value in other_values
    ]


def _search_urls() -> list[str]:
    return [
        _history_url({"q": text, **more}) for text in SEARCHES for more in ({}, {"verdict": "FAIL"}, {"since": "24h"})
    ]


def _cursor_urls(line: BenchData) -> list[str]:
    days = (0.1, 1, 30, 100, 200, 300, 399)
    moments = [timezone.now() - timedelta(days=day) for day in days]
    before = [f"{moment.isoformat()}~ffffffff-ffff-ffff-ffff-ffffffffffff" for moment in moments]
    more: list[dict[str, str]] = [{}, {"verdict": "FAIL"}, {"label": "against"}, {"station": "line-3"}]
    return [_history_url({"before": place, **filters}) for place in before for filters in more]


def _history_url(query: dict[str, str]) -> str:
    return f"/inspections/?{urlencode(query)}"


def other_pages(line: BenchData) -> Iterator[tuple[str, str]]:
    """Yield name and address of every page besides the history."""
    labeled = Inspection.objects.filter(product=line.product, human_verdict="FAIL").order_by("received_at")[0]
    yield "one part", f"/inspections/{labeled.pk}/"
    yield "workbench", "/review/"
    yield "dashboard", "/"
    yield "dashboard, summary cards", "/dashboard/facts/?of=plate"
    yield "REST, newest", "/api/v1/inspections/"
    yield "REST, FAIL of a product", "/api/v1/inspections/?product=plate&verdict=FAIL"
    yield "REST, a rare reason", "/api/v1/inspections/?product=plate&reason=scoring_failed"
    yield "REST, a part id", "/api/v1/inspections/?product=plate&part_id=P-00000777"
    yield "REST, a station", "/api/v1/inspections/?product=plate&station=trial"
    yield "admin, inspections", "/admin/inspection/inspection/"
    yield "admin, FAIL", "/admin/inspection/inspection/?verdict__exact=FAIL"
    yield "admin, claims", "/admin/labeling/claim/"
    yield "admin, labels", "/admin/labeling/label/"
    yield "metrics", "/metrics"
