"""The record of a product: promotions, rollbacks, overrides, approvals, verifications, challengers, and every change of
costs and policy, in one order of time. Its rows never change: the database refuses it."""

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

PAGE = 50


@dataclass(frozen=True, slots=True)
class Entry:
    """What happened, when, by whom and why. ``kind`` names its icon; ``lines`` are what the gate said; ``changes`` each
    value as it was and as it became."""

    at: datetime
    kind: str
    words: str
    by: str = ""
    why: str = ""
    override: str = ""
    lines: tuple[dict[str, Any], ...] = ()
    changes: tuple[tuple[str, str, str], ...] = ()
    version: ModelVersion | None = None


def entries(product: Product, before: datetime | None = None) -> list[Entry]:
    """The newest ``PAGE`` entries, or those before a moment."""
    model = product.registered_model_id
    kinds = (
        map(_promotion, _newest(Promotion.objects.filter(model=model).select_related("previous"), before)),
        map(_approval, _newest(Approval.objects.filter(version__model=model).select_related("champion"), before)),
        map(_verification, _newest(Verification.objects.filter(version__model=model), before)),
        _challenges(product, before),
        map(_change, _newest(PolicyChange.objects.filter(product=product), before, version=False)),
    )
    return list(islice(merge(*kinds, key=lambda entry: entry.at, reverse=True), PAGE))


def _newest(rows: QuerySet[Any], before: datetime | None, *, version: bool = True) -> QuerySet[Any]:
    related = rows.select_related("by", "version__model") if version else rows.select_related("by")
    older = related.filter(created_at__lt=before) if before else related
    return older.order_by("-created_at")[:PAGE]


def _promotion(row: Promotion) -> Entry:
    # Before there were kinds, a version that came back was promoted like any other.
    titles = {
        Promotion.Kind.PROMOTION: _("Version {number} became champion"),
        Promotion.Kind.ROLLBACK: _("Rolled back to version {number}"),
        Promotion.Kind.NIGHTLY: _("Version {number} of the night became champion by itself"),
    }
    words = titles[Promotion.Kind(row.kind)].format(number=row.version.number)
    if row.previous:
        words += _(", in the place of version {number}").format(number=row.previous.number)
    return Entry(
        at=row.created_at,
        kind="undo" if row.kind == Promotion.Kind.ROLLBACK else "champion",
        words=words,
        by=_person(row.by),
        why=row.reason,
        override=row.override,
        lines=tuple(row.gate),
        version=row.version,
    )


def _approval(row: Approval) -> Entry:
    over = _("over version {number}").format(number=row.champion.number) if row.champion else _("as the first champion")
    words = _("Version {number} approved {over}").format(number=row.version.number, over=over)
    return Entry(row.created_at, "person", words, _person(row.by), row.reason, version=row.version)


def _verification(row: Verification) -> Entry:
    again = _("learned again") if row.learned_again else _("looked at by its hashes")
    said = (
        _("Version {number} verified, {how}: all holds") if row.holds else _("Version {number} verified, {how}: WRONG")
    )
    wrong = " ".join(one["words"] for one in row.findings if not one["holds"])
    kind = "pass" if row.holds else "fail"
    words = said.format(number=row.version.number, how=again)
    return Entry(row.created_at, kind, words, _person(row.by), wrong, version=row.version)


def _challenges(product: Product, before: datetime | None) -> Iterator[Entry]:
    rows = Challenge.objects.filter(product=product).select_related("by", "ended_by", "version__model")
    if before:
        rows = rows.filter(Q(created_at__lt=before) | Q(ended_at__lt=before))
    found = []
    for row in rows.order_by("-created_at")[:PAGE]:
        begun = _("Version {number} became challenger, on {share} of the parts")
        words = begun.format(number=row.version.number, share=f"{row.share:.0%}")
        found.append(Entry(row.created_at, "look", words, _person(row.by), version=row.version))
        if row.ended_at:
            over = _("Version {number} ended as challenger").format(number=row.version.number)
            found.append(Entry(row.ended_at, "look", over, _person(row.ended_by), version=row.version))
    kept = [entry for entry in found if before is None or entry.at < before]
    yield from sorted(kept, key=lambda entry: entry.at, reverse=True)


def _change(row: PolicyChange) -> Entry:
    words = _("Costs and policy changed") if row.before else _("The product began, with these values")
    return Entry(row.created_at, "data", words, _person(row.by), row.reason, changes=value_changes(row))


def value_changes(row: PolicyChange) -> tuple[tuple[str, str, str], ...]:
    """Return each changed value in words: its title, the value before (empty for a product's first), the value now."""
    return tuple(
        (
            policy_text.title(name),
            policy_text.value(name, row.before[name]) if name in row.before else "",
            policy_text.value(name, value),
        )
        for name, value in sorted(row.after.items())
    )


def _person(by: object) -> str:
    return str(by) if by else _("a command")
