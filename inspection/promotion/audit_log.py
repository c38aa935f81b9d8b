"""Audit log of a product: events of its versions and policy in one order of time.

The events are promotions, rollbacks, overrides, approvals, verifications, challengers, and changes of costs and policy.
The database refuses to change their rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from inspection.models import Challenge, PolicyChange, Product
from mltasks.models import Approval, ModelVersion, Promotion, Verification
from mltasks.registry.gate import GateLine
from mltasks.reports.verification_report import failures_text

PAGE_SIZE = 50
_PRODUCT_FIELDS: dict[str, Any] = {field.name: field for field in Product._meta.fields}


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
    gate_lines: tuple[GateLine, ...] = ()
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
    return list(islice(merge(*kinds, key=lambda event: event.at, reverse=True), PAGE_SIZE))


def _newest_rows(rows: QuerySet[Any], before: datetime | None, *, version: bool = True) -> QuerySet[Any]:
    related = rows.select_related("by", "version__model") if version else rows.select_related("by")
    older = related.filter(created_at__lt=before) if before else related
    return older.order_by("-created_at")[:PAGE_SIZE]


def _promotion(row: Promotion) -> AuditEvent:
    # Rollbacks from before the column `kind` existed are stored as promotions.
    titles = {
        Promotion.Kind.PROMOTION: _("Version {number} became champion"),
        Promotion.Kind.ROLLBACK: _("Rolled back to version {number}"),
        Promotion.Kind.NIGHTLY: _("Version {number} was promoted automatically after nightly training"),
    }
    text = titles[Promotion.Kind(row.kind)].format(number=row.version.number)
    if row.previous:
        text += _("; it replaced version {number}").format(number=row.previous.number)
    return AuditEvent(
        at=row.created_at,
        kind="undo" if row.kind == Promotion.Kind.ROLLBACK else "champion",
        text=text,
        by=_person_name(row.by),
        reason=row.reason,
        override=row.override,
        gate_lines=tuple(map(GateLine.from_json, row.gate)),
        version=row.version,
    )


def _approval(row: Approval) -> AuditEvent:
    purpose = (
        _("to replace version {number}").format(number=row.champion.number)
        if row.champion
        else _("as the first champion")
    )
    text = _("Version {number} approved {purpose}").format(number=row.version.number, purpose=purpose)
    return AuditEvent(row.created_at, "person", text, _person_name(row.by), row.reason, version=row.version)


def _verification(row: Verification) -> AuditEvent:
    passed = _("Version {number} verified ({extent}): passed")
    failed = _("Version {number} verified ({extent}): failed")
    extent = _("retrained") if row.learned_again else _("hashes only")
    text = (passed if row.holds else failed).format(number=row.version.number, extent=extent)
    kind = "pass" if row.holds else "fail"
    return AuditEvent(row.created_at, kind, text, _person_name(row.by), failures_text(row), version=row.version)


def _challenges(product: Product, before: datetime | None) -> list[AuditEvent]:
    rows = Challenge.objects.filter(product=product).select_related("by", "ended_by", "version__model")
    if before:
        rows = rows.filter(Q(created_at__lt=before) | Q(ended_at__lt=before))
    events = []
    for row in rows.order_by("-created_at")[:PAGE_SIZE]:
        started = _("Version {number} became challenger on {share} of the parts")
        text = started.format(number=row.version.number, share=f"{100 * row.share:.0f} %")
        events.append(AuditEvent(row.created_at, "look", text, _person_name(row.by), version=row.version))
        if row.ended_at:
            ended = _("Version {number} ended as challenger").format(number=row.version.number)
            events.append(AuditEvent(row.ended_at, "look", ended, _person_name(row.ended_by), version=row.version))
    older = [event for event in events if before is None or event.at < before]
    return sorted(older, key=lambda event: event.at, reverse=True)


def _change(row: PolicyChange) -> AuditEvent:
    text = _("Costs and policy changed") if row.before else _("Product created with these values")
    return AuditEvent(row.created_at, "data", text, _person_name(row.by), row.reason, changes=value_changes(row))


def value_changes(row: PolicyChange) -> tuple[tuple[str, str, str], ...]:
    """Return each changed value as texts: title, value before (empty if new), value after."""
    return tuple(
        (
            _field_title(name),
            _value_text(name, row.before[name]) if name in row.before else "",
            _value_text(name, value),
        )
        for name, value in sorted(row.after.items())
    )


def _field_title(name: str) -> str:
    """Return the field's title, or the name of a field that no longer exists."""
    return str(_PRODUCT_FIELDS[name].verbose_name) if name in _PRODUCT_FIELDS else name


def _value_text(name: str, value: Any) -> str:
    field = _PRODUCT_FIELDS.get(name)
    if value is None or isinstance(value, bool):
        return {None: _("none"), True: _("yes"), False: _("no")}[value]
    return str(dict(field.flatchoices).get(value, value)) if field and field.choices else str(value)


def _person_name(by: object) -> str:
    return str(by) if by else _("a command")
