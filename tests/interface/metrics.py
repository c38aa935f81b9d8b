"""Prometheus metrics and steps of ``Server-Timing``, as clients read them."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

CREATED = "_created"  # the client library adds these times to counters and histograms
PREFIX = "second_look_"  # the libraries' own metrics (python_*, process_*) are theirs


def metrics(exposition: str) -> Iterator[str]:
    """Yield name, type, labels and bounds of each metric of the project.

    A metric shows its labels only where it has a sample.
    """
    for family in text_string_to_metric_families(exposition):
        if family.name.startswith(PREFIX) and not family.name.endswith(CREATED):
            yield _line(family)


def _line(family: Metric) -> str:
    labels = {label for sample in family.samples for label in sample.labels} - {"le"}
    bounds = {float(sample.labels["le"]) for sample in family.samples if "le" in sample.labels}
    shown = f" buckets={','.join(map(str, sorted(bounds)))}" if bounds else ""
    return f"{family.name} {family.type} labels={','.join(sorted(labels))}{shown}"


def steps(server_timing: str) -> Iterator[str]:
    """Yield the names of the steps in a ``Server-Timing`` header."""
    yield from (step.split(";")[0].strip() for step in server_timing.split(","))
