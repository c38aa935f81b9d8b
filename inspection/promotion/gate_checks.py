"""Evaluation of the promotion gate: what a product requires of its next champion.

`mltasks.registry.gate` calls this module for every kind of promotion.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from inspection.models import Product, Replay
from inspection.promotion import replay_gate
from inspection.replay.sample_size import MIN_PARTS, has_enough_parts
from mltasks.models import Approval, ModelVersion, Verification
from mltasks.registry.gate import GateLine
from mltasks.reports.report_text import percent
from mltasks.reports.verification_report import failures_text
from mltasks.training.verification_runs import retrain_blocker

Figures = dict[str, Any]


def evaluate_gate(version: ModelVersion, champion: ModelVersion | None, by: User | None) -> list[GateLine]:
    """Return all gate lines, required or not, in page order; none for a model without product."""
    product = Product.objects.filter(registered_model=version.model_id).first()
    if product is None:
        return []
    replayed, champion_recall, cost, escapes = replay_gate.replay_gate_lines(product, version, champion)
    return [
        _labels_line(product, version),
        replayed,
        _recall_line(product, version),
        champion_recall,
        cost,
        escapes,
        _reproducible_line(product, version),
        _second_person_line(product, version, champion, by),
    ]


def _labels_line(product: Product, version: ModelVersion) -> GateLine:
    snapshot = version.run.snapshot
    count, minimum = snapshot.total if snapshot else 0, product.gate_labels
    text = _("It was trained with {count} labels.")
    if minimum:
        text = _("It was trained with {count} labels; at least {minimum} are required.")
    return GateLine("labels", _("Labels"), minimum > 0, count >= minimum, text.format(count=count, minimum=minimum))


def _recall_line(product: Product, version: ModelVersion) -> GateLine:
    title, required = _("Recall on the locked holdout"), product.gate_recall is not None
    recall = _newest_holdout_recall(version)
    if recall is None:
        text = _("Not measured on the locked holdout. Label more parts until some are locked, then replay it.")
        return GateLine("recall", title, required, None, text)
    figure, method = recall["corrected"], _("corrected for sampling")
    if not has_enough_parts(figure):
        figure, method = recall["counted"], _("counted among the labels")
    if not has_enough_parts(figure):
        text = _("{parts} defective parts are locked: too few, at least {minimum} are needed. Label more parts.")
        return GateLine("recall", title, required, None, text.format(parts=figure["parts"], minimum=MIN_PARTS))
    minimum = product.gate_recall or 0.0
    text = _(
        "{value} of {parts} defective parts, at least {low} with 95 % confidence ({method}); {minimum} is required."
    ).format(
        value=percent(figure["value"]),
        parts=figure["parts"],
        low=percent(figure["low"]),
        method=method,
        minimum=percent(minimum),
    )
    return GateLine("recall", title, required, bool(figure["low"] >= minimum), text)


def _newest_holdout_recall(version: ModelVersion) -> Figures | None:
    """Return the holdout recall of the version's newest replay of either scope."""
    replays = Replay.objects.filter(candidate=version, state=Replay.State.SUCCEEDED).without_large_fields()
    newest = replays.order_by("-finished_at").first()
    metrics: Figures | None = newest.figures["holdout"]["candidate"] if newest else None
    return metrics["recall"] if metrics else None


def _reproducible_line(product: Product, version: ModelVersion) -> GateLine:
    title, required = _("Reproducible"), product.gate_reproducible
    verifications = Verification.objects.filter(version=version)
    last, retraining = verifications.first(), verifications.filter(learned_again=True).first()
    # The newest retraining counts, unless a later verification failed.
    if failed := next((row for row in (last, retraining) if row and not row.holds), None):
        return GateLine("reproducible", title, required, False, failures_text(failed))
    if retraining is None:
        text = retrain_blocker(version) or _("It was not retrained from its snapshot. Verify it first.")
        return GateLine("reproducible", title, required, None, text)
    return GateLine("reproducible", title, required, True, _("Retrained from its snapshot: same weights."))


def _second_person_line(
    product: Product, version: ModelVersion, champion: ModelVersion | None, by: User | None
) -> GateLine:
    title, required = _("Second person"), product.gate_second_person
    approvals = Approval.objects.filter(version=version, champion=champion).select_related("by")
    if approval := next((approval for approval in approvals if approval.by != by), None):
        text = _("{person} approved it: {reason}").format(person=approval.by, reason=approval.reason)
        return GateLine("second_person", title, required, True, text)
    text = _("No other person has approved it to replace the current champion. Ask another person to approve it.")
    return GateLine("second_person", title, required, False, text)
