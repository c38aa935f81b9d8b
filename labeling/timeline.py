"""One part's life: every row that says something of it, in the order of time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from inspection.models import Inspection
from labeling.models import Claim, DefectType, Label, Recheck, Review, Skip
from mltasks.models import SnapshotItem


@dataclass(frozen=True)
class Event:
    """What happened, when, by whom. ``kind`` names its icon."""

    at: datetime
    kind: str
    words: str
    detail: str = ""
    label: Label | None = None


def timeline(part: Inspection) -> list[Event]:
    """All events of the part, oldest first."""
    events = [*_machine(part), *_claims(part), *_skips(part), *_labels(part), *_rechecks(part), *_snapshots(part)]
    return sorted(events, key=lambda event: event.at)


def _machine(part: Inspection) -> Iterator[Event]:
    origin = {
        Inspection.Source.STATION: f"by station {part.station.name}" if part.station else "by a station",
        Inspection.Source.UPLOAD: f"on the dashboard by {part.uploaded_by}" if part.uploaded_by else "on the dashboard",
        Inspection.Source.IMPORT: "from an imported folder",
    }
    if part.captured_at:
        yield Event(part.captured_at, "camera", "Captured")
    yield Event(part.received_at, "upload", f"Received {origin[Inspection.Source(part.source)]}", part.title)
    if part.decided_at and part.verdict:
        by = f"by version {part.model_version.number}" if part.model_version else "without a model"
        after = f"{part.latency_ms:.0f} ms after it arrived" if part.latency_ms is not None else ""
        yield Event(part.decided_at, part.verdict.lower(), f"Decided {part.verdict} {by}", after)


def _claims(part: Inspection) -> Iterator[Event]:
    reviews: dict[Any, Review] = {review.claim_id: review for review in part.reviews.select_related("reviewer")}
    for claim in Claim.objects.filter(inspection=part, skip__isnull=True).select_related("reviewer"):
        if claim.pk in reviews:
            continue  # its label tells it
        end = "given back or run out" if claim.closed_at else "still open"
        yield Event(claim.created_at, "look", f"Opened by {claim.reviewer}", end)


def _skips(part: Inspection) -> Iterator[Event]:
    for skip in Skip.objects.filter(inspection=part).select_related("reviewer"):
        why = skip.get_reason_display()
        said = f"{why}: “{skip.comment}”" if skip.comment else why
        yield Event(skip.created_at, "skip", f"Skipped by {skip.reviewer}", said)


def _labels(part: Inspection) -> Iterator[Event]:
    rows = Label.objects.filter(inspection=part).select_related(
        "reviewer", "defect_type__merged_into", "undo__by", "review"
    )
    for label in rows:
        named = f" ({_named(label.defect_type)})" if label.defect_type else ""
        by = f" by {label.reviewer}" if label.reviewer else ""
        how = "Imported as" if label.source == Label.Source.IMPORT else "Labeled"
        took = f"after {label.review.seconds:.0f} s" if label.review else label.get_source_display().lower()
        said = f"{took}: “{label.comment}”" if label.comment else took
        yield Event(label.created_at, label.verdict.lower(), f"{how} {label.verdict}{named}{by}", said, label)
        if hasattr(label, "undo"):
            yield Event(label.undo.created_at, "undo", f"{label.verdict}{named} taken back by {label.undo.by}")


def _named(kind: DefectType) -> str:
    return f"{kind.name}, now called {kind.current.name}" if kind.merged_into else kind.name


def _rechecks(part: Inspection) -> Iterator[Event]:
    doubted = Recheck.objects.filter(inspection=part, version__isnull=False)
    for doubt in doubted.select_related("version"):
        assert doubt.version is not None and doubt.probability is not None  # noqa: S101 - for the type checker
        said = f"version {doubt.version.number} gives a defect {doubt.probability:.0%}; a person judges it again"
        yield Event(doubt.opened_at, "review", f"The model disagrees with this label: {doubt.given}", said)
        if doubt.closed_at:
            yield Event(doubt.closed_at, "review", f"Judged again: {doubt.get_outcome_display().lower()}")


def _snapshots(part: Inspection) -> Iterator[Event]:
    model = part.product.registered_model_id
    items = SnapshotItem.objects.filter(snapshot__model=model, image_sha256=part.image_sha256)
    for item in items.select_related("snapshot").prefetch_related("snapshot__runs__version"):
        versions = [f"version {run.version.number}" for run in item.snapshot.runs.all() if hasattr(run, "version")]
        taught = f"taught {', '.join(versions)}" if versions else "taught no version yet"
        said = f"as {'FAIL' if item.target else 'PASS'}, {taught}"
        yield Event(item.snapshot.created_at, "data", f"Frozen into snapshot {item.snapshot.number}", said)
