"""One part's life: every row that says something of it, in the order of time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from inspection.models import Inspection
from inspection.models.choices import verdict_word
from labeling.models import Claim, DefectType, Label, Recheck, Review, Skip
from mltasks.models import SnapshotItem
from mltasks.vision.types import HOLDOUT


@dataclass(frozen=True)
class Event:
    """What happened, when, by whom. ``kind`` names its icon."""

    at: datetime
    kind: str
    words: str
    detail: str = ""
    label: Label | None = None


def timeline(part: Inspection, *, blind: bool = False, scored: bool = True) -> list[Event]:
    """Return all events of the part, oldest first: without what people did for a person who judges the part, and
    without the model's decision unless ``scored``."""
    events = [*_machine(part, scored=scored)]
    if not blind:
        events += [*_claims(part), *_skips(part), *_labels(part), *_rechecks(part), *_snapshots(part)]
    return sorted(events, key=lambda event: event.at)


def _machine(part: Inspection, *, scored: bool) -> Iterator[Event]:
    origin = {
        Inspection.Source.STATION: _("Received by station {name}").format(name=part.station.name)
        if part.station
        else _("Received by a station"),
        Inspection.Source.UPLOAD: _("Received on the dashboard by {person}").format(person=part.uploaded_by)
        if part.uploaded_by
        else _("Received on the dashboard"),
        Inspection.Source.IMPORT: _("Received from an imported folder"),
    }
    if part.captured_at:
        yield Event(part.captured_at, "camera", _("Captured"))
    yield Event(part.received_at, "upload", origin[Inspection.Source(part.source)], part.title)
    if scored and part.decided_at and part.verdict:
        version = part.model_version
        said = _("Decided {verdict} by version {number}") if version else _("Decided {verdict} without a model")
        words = said.format(verdict=verdict_word(part.verdict), number=version.number if version else "")
        took = part.latency_ms
        after = _("{time} ms after it arrived").format(time=f"{took:.0f}") if took is not None else ""
        yield Event(part.decided_at, part.verdict.lower(), words, after)


def _claims(part: Inspection) -> Iterator[Event]:
    reviews: dict[Any, Review] = {review.claim_id: review for review in part.reviews.select_related("reviewer")}
    for claim in Claim.objects.filter(inspection=part, skip__isnull=True).select_related("reviewer"):
        if claim.pk in reviews:
            continue  # its label tells it
        end = _("given back or run out") if claim.closed_at else _("still open")
        yield Event(claim.created_at, "look", _("Opened by {person}").format(person=claim.reviewer), end)


def _skips(part: Inspection) -> Iterator[Event]:
    for skip in Skip.objects.filter(inspection=part).select_related("reviewer"):
        why = skip.get_reason_display()
        said = f"{why}: “{skip.comment}”" if skip.comment else why
        yield Event(skip.created_at, "skip", _("Skipped by {person}").format(person=skip.reviewer), said)


def _labels(part: Inspection) -> Iterator[Event]:
    rows = Label.objects.filter(inspection=part).select_related(
        "reviewer", "defect_type__merged_into", "undo__by", "review"
    )
    for label in rows:
        verdict = verdict_word(label.verdict) + (f" ({_named(label.defect_type)})" if label.defect_type else "")
        took = label.get_source_display().lower()
        if label.review:
            took = _("after {seconds} s").format(seconds=f"{label.review.seconds:.0f}")
        said = f"{took}: “{label.comment}”" if label.comment else took
        words = _labeled(label).format(verdict=verdict, person=label.reviewer)
        yield Event(label.created_at, label.verdict.lower(), words, said, label)
        if hasattr(label, "undo"):
            back = _("{verdict} taken back by {person}").format(verdict=verdict, person=label.undo.by)
            yield Event(label.undo.created_at, "undo", back)


def _labeled(label: Label) -> str:
    if label.source == Label.Source.IMPORT:
        return _("Imported as {verdict} by {person}") if label.reviewer else _("Imported as {verdict}")
    return _("Labeled {verdict} by {person}") if label.reviewer else _("Labeled {verdict}")


def _named(kind: DefectType) -> str:
    if kind.merged_into is None:
        return kind.name
    return _("{name}, now called {current}").format(name=kind.name, current=kind.current.name)


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
    said = _("version {number} gives a defect {probability}; a person judges it again").format(
        number=again.version.number, probability=f"{again.probability:.0%}"
    )
    words = _("The model disagrees with this label: {verdict}").format(verdict=verdict_word(again.given))
    yield Event(again.opened_at, "review", words, said)
    if again.closed_at:
        outcome = again.get_outcome_display().lower()
        yield Event(again.closed_at, "review", _("Judged again: {outcome}").format(outcome=outcome))


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
        numbers = [run.version.number for run in item.snapshot.runs.all() if hasattr(run, "version")]
        versions = ", ".join(_("version {number}").format(number=number) for number in numbers)
        said = _("as {verdict}, taught {versions}") if numbers else _("as {verdict}, taught no version yet")
        if item.split == HOLDOUT:
            said = _("as {verdict}, locked: it measures versions and teaches none")
        detail = said.format(verdict=verdict_word("FAIL" if item.target else "PASS"), versions=versions)
        words = _("Frozen into snapshot {number}").format(number=item.snapshot.number)
        yield Event(item.snapshot.created_at, "data", words, detail)
