"""Audit log of a product: events of its versions and policy in one order of time.

The events are promotions, rollbacks, overrides, approvals, verifications, challengers, and changes of costs and policy.
The database refuses to change their rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from inspection.models import Challenge, PolicyChange, Product
from inspection.products import policy_text
from mltasks.models import Approval, ModelVersion, Promotion, Verification

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """Event of the audit log: what happened, when, by whom and why.

    ``kind`` selects the icon; ``gate_lines`` are the gate's lines at that time; ``changes`` has each value's title, and
    the value before and after.
    """

    at: datetime
    kind: str
    text: str
    by: str = ""
    reason: str = ""
    override: str = ""
    gate_lines: tuple[dict[str, Any], ...] = ()
    changes: tuple[tuple[str, str, str], ...] = ()
    version: ModelVersion | None = None


def load_events(product: Product, before: datetime | None = None) -> list[AuditEvent]:
    """Return the newest ``PAGE_SIZE`` events, or the newest before a given time."""
    model = product.registered_model_id
    kinds = (
        map(_promotion, _newest_rows(Promotion.objects.filter(model=model).select_related("previous"), before)),
        map(_approval, _newest_rows(Approval.objects.filter(version__model=model).select_related("champion"), before)),
        map(_verification, _newest_rows(Verification.objects.filter(version__model=model), before)),
        _challenges(product, before),
        map(_change, _newest_rows(PolicyChange.objects.filter(product=product), before, version=False)),
    )
    return list(islice(merge(*kinds, key=lambda entry: entry.at, reverse=True), PAGE_SIZE))


def _newest_rows(rows: QuerySet[Any], before: datetime | None, *, version: bool = True) -> QuerySet[Any]:
    related = rows.select_related("by", "version__model") if version else rows.select_related("by")
    older = related.filter(created_at__lt=before) if before else related
    return older.order_by("-created_at")[:PAGE_SIZE]


def _promotion(row: Promotion) -> AuditEvent:
    # Rollbacks from before the column `kind` existed are stored as promotions.
    titles = {
        Promotion.Kind.PROMOTION: _("Version {number} became champion"),
        Promotion.Kind.ROLLBACK: _("Rolled back to version {number}"),
        Promotion.Kind.NIGHTLY: _("Version {number} of the night became champion by itself"),
    }
    words = titles[Promotion.Kind(row.kind)].format(number=row.version.number)
    if row.previous:
        words += _(", in the place of version {number}").format(number=row.previous.number)
    return AuditEvent(
        at=row.created_at,
        kind="undo" if row.kind == Promotion.Kind.ROLLBACK else "champion",
        text=words,
        by=_person_name(row.by),
        reason=row.reason,
        override=row.override,
        gate_lines=tuple(row.gate),
        version=row.version,
    )


def _approval(row: Approval) -> AuditEvent:
    over = _("over version {number}").format(number=row.champion.number) if row.champion else _("as the first champion")
    words = _("Version {number} approved {over}").format(number=row.version.number, over=over)
    return AuditEvent(row.created_at, "person", words, _person_name(row.by), row.reason, version=row.version)


def _verification(row: Verification) -> AuditEvent:
    again = _("learned again") if row.learned_again else _("looked at by its hashes")
    said = (
        _("Version {number} verified, {how}: all holds") if row.holds else _("Version {number} verified, {how}: WRONG")
    )
    wrong = " ".join(one["words"] for one in row.findings if not one["holds"])
    kind = "pass" if row.holds else "fail"
    words = said.format(number=row.version.number, how=again)
    return AuditEvent(row.created_at, kind, words, _person_name(row.by), wrong, version=row.version)


def _challenges(product: Product, before: datetime | None) -> Iterator[AuditEvent]:
    rows = Challenge.objects.filter(product=product).select_related("by", "ended_by", "version__model")
    if before:
        rows = rows.filter(Q(created_at__lt=before) | Q(ended_at__lt=before))
    found = []
    for row in rows.order_by("-created_at")[:PAGE_SIZE]:
        begun = _("Version {number} became challenger, on {share} of the parts")
        words = begun.format(number=row.version.number, share=f"{row.share:.0%}")
        found.append(AuditEvent(row.created_at, "look", words, _person_name(row.by), version=row.version))
        if row.ended_at:
            over = _("Version {number} ended as challenger").format(number=row.version.number)
            found.append(AuditEvent(row.ended_at, "look", over, _person_name(row.ended_by), version=row.version))
    kept = [entry for entry in found if before is None or entry.at < before]
    yield from sorted(kept, key=lambda entry: entry.at, reverse=True)


def _change(row: PolicyChange) -> AuditEvent:
    words = _("Costs and policy changed") if row.before else _("The product began, with these values")
    return AuditEvent(row.created_at, "data", words, _person_name(row.by), row.reason, changes=value_changes(row))


def value_changes(row: PolicyChange) -> tuple[tuple[str, str, str], ...]:
    """Return each changed value as texts: title, value before (empty if new), value after."""
    return tuple(
        (
            policy_text.field_title(name),
            policy_text.value_text(name, row.before[name]) if name in row.before else "",
            policy_text.value_text(name, value),
        )
        for name, value in sorted(row.after.items())
    )


def _person_name(by: object) -> str:
    return str(by) if by else _("a command")
