"""Timeline of one part: all its events, by time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from inspection.models import Inspection, Reason
from inspection.models.choices import verdict_label
from labeling.models import Claim, DefectType, Label, Recheck, Review, Skip
from mltasks.models import SnapshotItem
from mltasks.reports.report_text import format_share
from mltasks.vision.types import HOLDOUT


@dataclass(frozen=True)
class TimelineEvent:
    """Event of a part: time, text and detail; ``kind`` names its icon."""

    at: datetime
    kind: str
    text: str
    detail: str = ""
    label: Label | None = None


def build_timeline(part: Inspection, *, blind: bool = False, scored: bool = True) -> list[TimelineEvent]:
    """Return all events of the part, oldest first.

    ``blind`` leaves out events by people, for a person who judges the part; ``scored`` False the model's decision.
    """
    events = [*_machine_events(part, scored=scored)]
    if not blind:
        events += [
            *_claim_events(part),
            *_skip_events(part),
            *_label_events(part),
            *_recheck_events(part),
            *_snapshot_events(part),
        ]
    return sorted(events, key=lambda event: event.at)


def _machine_events(part: Inspection, *, scored: bool) -> Iterator[TimelineEvent]:
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
        yield TimelineEvent(part.captured_at, "camera", _("Captured"))
    yield TimelineEvent(part.received_at, "upload", origin[Inspection.Source(part.source)], part.original_filename)
    if scored and part.decided_at and part.verdict:
        version = part.model_version
        by_version = version and Reason.DEADLINE not in part.reasons
        text = _("Decided {verdict} by version {number}") if by_version else _("Decided {verdict} without a model")
        text = text.format(verdict=verdict_label(part.verdict), number=version.number if version else "")
        yield TimelineEvent(part.decided_at, part.verdict.lower(), text, _latency_text(part))


def _latency_text(part: Inspection) -> str:
    if part.latency_ms is None:
        return ""
    text = _("{time} ms after it arrived").format(time=f"{part.latency_ms:.0f}")
    if part.deadline_kept is None:
        return text
    kept = _("within the deadline of {limit} ms") if part.deadline_kept else _("after the deadline of {limit} ms")
    return f"{text}, {kept.format(limit=part.deadline_ms)}"


def _claim_events(part: Inspection) -> Iterator[TimelineEvent]:
    reviews: dict[Any, Review] = {review.claim_id: review for review in part.reviews.select_related("reviewer")}
    for claim in Claim.objects.filter(inspection=part, skip__isnull=True).select_related("reviewer"):
        if claim.pk in reviews:
            continue  # shown by its label's event
        end = _("released or expired") if claim.closed_at else _("still open")
        yield TimelineEvent(claim.created_at, "look", _("Claimed by {person}").format(person=claim.reviewer), end)


def _skip_events(part: Inspection) -> Iterator[TimelineEvent]:
    for skip in Skip.objects.filter(inspection=part).select_related("reviewer"):
        reason = _with_comment(skip.get_reason_display(), skip.comment)
        yield TimelineEvent(skip.created_at, "skip", _("Skipped by {person}").format(person=skip.reviewer), reason)


def _label_events(part: Inspection) -> Iterator[TimelineEvent]:
    rows = Label.objects.filter(inspection=part).select_related(
        "reviewer", "defect_type__merged_into", "undo__by", "review"
    )
    for label in rows:
        verdict = verdict_label(label.verdict) + (f" ({_type_text(label.defect_type)})" if label.defect_type else "")
        origin = label.get_source_display().lower()
        if label.review:
            origin = _("after {seconds} s").format(seconds=f"{label.review.seconds:.0f}")
        text = _label_text(label).format(verdict=verdict, person=label.reviewer)
        detail = _with_comment(" · ".join([origin, *_place_texts(label)]), label.comment)
        yield TimelineEvent(label.created_at, label.verdict.lower(), text, detail, label)
        if hasattr(label, "undo"):
            text = _("{verdict} undone by {person}").format(verdict=verdict, person=label.undo.by)
            yield TimelineEvent(label.undo.created_at, "undo", text)


def _place_texts(label: Label) -> Iterator[str]:
    if label.mask_sha256:
        yield _("with a mask")
    if label.marks is not None:
        count = len(label.marks)
        yield ngettext("{number} mark", "{number} marks", count).format(number=count)


def _with_comment(text: str, comment: str) -> str:
    return f"{text}: “{comment}”" if comment else text


def _label_text(label: Label) -> str:
    if label.source == Label.Source.IMPORT:
        return _("Imported as {verdict} by {person}") if label.reviewer else _("Imported as {verdict}")
    return _("Labeled {verdict} by {person}") if label.reviewer else _("Labeled {verdict}")


def _type_text(defect_type: DefectType) -> str:
    if defect_type.merged_into is None:
        return defect_type.name
    return _("{name}, now called {current}").format(name=defect_type.name, current=defect_type.current.name)


def _recheck_events(part: Inspection) -> Iterator[TimelineEvent]:
    rechecks = Recheck.objects.filter(inspection=part).select_related("version")
    for recheck in rechecks:
        match recheck.reason:
            case Recheck.Reason.DOUBTED:
                yield from _label_issue_events(recheck)
            case Recheck.Reason.DISPUTED:
                yield from _dispute_events(recheck)
            case _:
                yield from _blind_review_events(recheck)


def _label_issue_events(recheck: Recheck) -> Iterator[TimelineEvent]:
    assert recheck.version is not None and recheck.probability is not None  # noqa: S101 - for the type checker
    detail = _("defect probability {probability} by version {number}; a person rechecks the label").format(
        number=recheck.version.number, probability=format_share(recheck.probability)
    )
    text = _("Label issue: the model disagrees with {verdict}").format(verdict=verdict_label(recheck.given))
    yield TimelineEvent(recheck.opened_at, "review", text, detail)
    if recheck.closed_at:
        outcome = recheck.get_outcome_display().lower()
        yield TimelineEvent(recheck.closed_at, "review", _("Rechecked: {outcome}").format(outcome=outcome))


def _blind_review_events(recheck: Recheck) -> Iterator[TimelineEvent]:
    # Shown once it is closed: the reviewer it waits for must not expect it.
    if recheck.closed_at is None or recheck.outcome == Recheck.Outcome.WITHDRAWN:
        return
    agreed = recheck.outcome == Recheck.Outcome.CONFIRMED
    if recheck.reason == Recheck.Reason.REPEAT:
        text = _("Repeat review: the same verdict") if agreed else _("Repeat review: another verdict")
    else:
        text = _("Double review: the same verdict") if agreed else _("Double review: another verdict")
    yield TimelineEvent(recheck.closed_at, "person", text, _("reviewed blind"))


def _dispute_events(recheck: Recheck) -> Iterator[TimelineEvent]:
    yield TimelineEvent(
        recheck.opened_at, "review", _("Two verdicts differ"), _("not used for training until a third person decides")
    )
    if recheck.closed_at is None:
        return
    withdrawn = recheck.outcome == Recheck.Outcome.WITHDRAWN
    text = _("The second verdict was undone") if withdrawn else _("Decided by a third person")
    yield TimelineEvent(recheck.closed_at, "review", text)


def _snapshot_events(part: Inspection) -> Iterator[TimelineEvent]:
    model = part.product.registered_model_id
    items = SnapshotItem.objects.filter(snapshot__model=model, image_sha256=part.image_sha256)
    for item in items.select_related("snapshot").prefetch_related("snapshot__runs__version"):
        numbers = [run.version.number for run in item.snapshot.runs.all() if hasattr(run, "version")]
        versions = ", ".join(_("version {number}").format(number=number) for number in numbers)
        detail = (
            _("as {verdict}, used to train {versions}") if numbers else _("as {verdict}, used to train no version yet")
        )
        if item.split == HOLDOUT:
            detail = _("as {verdict}, locked holdout: measures versions, is not used for training")
        detail = detail.format(verdict=verdict_label("FAIL" if item.target else "PASS"), versions=versions)
        text = _("Added to snapshot {number}").format(number=item.snapshot.number)
        yield TimelineEvent(item.snapshot.created_at, "data", text, detail)
