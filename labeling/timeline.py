"""One part's life: every row that says something of it, in the order of time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from inspection.models import Inspection
from labeling.models import Claim, Label, Recheck, Review
from mltasks.models import SnapshotItem


@dataclass(frozen=True)
class Event:
    """What happened, when, by whom. ``kind`` names its icon."""

    at: datetime
    kind: str
    words: str
    detail: str = ""
    label: Label | None = None


def timeline(part: Inspection, *, blind: bool = False) -> list[Event]:
    """All events of the part, oldest first; only what machines did for somebody who is to judge it blind."""
    events = [*_machine(part)]
    if not blind:
        events += [*_claims(part), *_labels(part), *_rechecks(part), *_snapshots(part)]
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
    for claim in Claim.objects.filter(inspection=part).select_related("reviewer"):
        if claim.pk in reviews:
            continue  # its label tells it
        end = "given back or run out" if claim.closed_at else "still open"
        yield Event(claim.created_at, "look", f"Opened by {claim.reviewer}", end)


def _labels(part: Inspection) -> Iterator[Event]:
    rows = Label.objects.filter(inspection=part).select_related("reviewer", "defect_type", "undo__by", "review")
    for label in rows:
        named = f" ({label.defect_type.name})" if label.defect_type else ""
        by = f" by {label.reviewer}" if label.reviewer else ""
        how = "Imported as" if label.source == Label.Source.IMPORT else "Labeled"
        took = f"after {label.review.seconds:.0f} s" if label.review else label.get_source_display().lower()
        said = f"{took}: “{label.comment}”" if label.comment else took
        yield Event(label.created_at, label.verdict.lower(), f"{how} {label.verdict}{named}{by}", said, label)
        if hasattr(label, "undo"):
            yield Event(label.undo.created_at, "undo", f"{label.verdict}{named} taken back by {label.undo.by}")


def _rechecks(part: Inspection) -> Iterator[Event]:
    rechecks = Recheck.objects.filter(inspection=part).select_related("version")
    for again in rechecks:
        match again.reason:
            case Recheck.Reason.DOUBTED:
                yield from _doubt(again)
            case Recheck.Reason.DISPUTED:
                yield from _dispute(again)
            case _:
                yield from _second_look(again)


def _doubt(again: Recheck) -> Iterator[Event]:
    assert again.version is not None and again.probability is not None  # noqa: S101 - for the type checker
    said = f"version {again.version.number} gives a defect {again.probability:.0%}; a person judges it again"
    yield Event(again.opened_at, "review", f"The model disagrees with this label: {again.given}", said)
    if again.closed_at:
        yield Event(again.closed_at, "review", f"Judged again: {again.get_outcome_display().lower()}")


def _second_look(again: Recheck) -> Iterator[Event]:
    # Told once it is over: whom it waits for must not expect it.
    if again.closed_at is None or again.outcome == Recheck.Outcome.WITHDRAWN:
        return
    agreed = again.outcome == Recheck.Outcome.CONFIRMED
    if again.reason == Recheck.Reason.REPEAT:
        words = _("The same person said the same again") if agreed else _("The same person judged it differently")
    else:
        words = _("A second person agrees") if agreed else _("A second person differs")
    yield Event(again.closed_at, "person", words, _("judged blind"))


def _dispute(again: Recheck) -> Iterator[Event]:
    yield Event(again.opened_at, "review", _("Two verdicts differ"), _("it teaches nothing until a third settles it"))
    if again.closed_at is None:
        return
    withdrawn = again.outcome == Recheck.Outcome.WITHDRAWN
    words = _("The verdict that differed was taken back") if withdrawn else _("Settled by a third person")
    yield Event(again.closed_at, "review", words)


def _snapshots(part: Inspection) -> Iterator[Event]:
    model = part.product.registered_model_id
    items = SnapshotItem.objects.filter(snapshot__model=model, image_sha256=part.image_sha256)
    for item in items.select_related("snapshot").prefetch_related("snapshot__runs__version"):
        versions = [f"version {run.version.number}" for run in item.snapshot.runs.all() if hasattr(run, "version")]
        taught = f"taught {', '.join(versions)}" if versions else "taught no version yet"
        said = f"as {'FAIL' if item.target else 'PASS'}, {taught}"
        yield Event(item.snapshot.created_at, "data", f"Frozen into snapshot {item.snapshot.number}", said)
