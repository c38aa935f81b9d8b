"""Evaluation of the promotion gate: what a product requires of its next champion.

`mltasks.registry.gate` calls this module for every kind of promotion.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from inspection.models import Product, Replay
from inspection.promotion import replay_gate
from inspection.promotion.replay_gate import LineResult
from inspection.replay.sample_size import MIN_PARTS, has_enough_parts
from mltasks.models import Approval, ModelVersion, Verification
from mltasks.registry.gate import GateLine
from mltasks.reports.report_text import percent
from mltasks.reports.verification_report import failures_text
from mltasks.training.verification import OTHER_CODE, WEIGHTS
from mltasks.training.verification_runs import retrain_blocker

Figures = dict[str, Any]


def evaluate_gate(version: ModelVersion, champion: ModelVersion | None, by: User | None) -> list[GateLine]:
    """Return all gate lines, required or not, in page order; none for a model without product."""
    product = Product.objects.filter(registered_model=version.model_id).first()
    if product is None:
        return []
    compared = champion is not None
    replayed, champion_recall, cost, escapes = replay_gate.check_replay(product, version, champion)
    lines = (
        ("labels", _("Labels"), product.gate_labels > 0, _check_labels(product, version)),
        ("replay", _("Replay"), compared and product.gate_replay, replayed),
        ("recall", _("Recall on the locked holdout"), product.gate_recall is not None, _check_recall(product, version)),
        (
            "champion_recall",
            _("Recall compared with the champion"),
            compared and product.gate_champion_recall,
            champion_recall,
        ),
        ("cost", _("Cost"), compared and product.gate_cost, cost),
        ("escapes", _("New escapes"), compared and product.gate_escapes is not None, escapes),
        ("reproducible", _("Reproducible"), product.gate_reproducible, _check_reproducible(version)),
        ("second_person", _("Second person"), product.gate_second_person, _check_second_person(version, champion, by)),
    )
    return [GateLine(name, title, required, *result) for name, title, required, result in lines]


def _check_labels(product: Product, version: ModelVersion) -> LineResult:
    snapshot = version.run.snapshot
    count, minimum = snapshot.total if snapshot else 0, product.gate_labels
    text = _("The version was trained on {count} labels.")
    if minimum:
        text = _("The version was trained on {count} labels; at least {minimum} are required.")
    return count >= minimum, text.format(count=count, minimum=minimum)


def _check_recall(product: Product, version: ModelVersion) -> LineResult:
    recall = _newest_holdout_recall(version)
    if recall is None:
        return None, _(
            "Not measured on the locked holdout. Label more parts until some are locked, then replay the version."
        )
    figure, method = recall["corrected"], _("corrected for sampling")
    if not has_enough_parts(figure):
        figure, method = recall["counted"], _("counted among the labels")
    if not has_enough_parts(figure):
        text = _("{parts} defective parts are locked: too few, at least {minimum} are needed. Label more parts.")
        return None, text.format(parts=figure["parts"], minimum=MIN_PARTS)
    minimum = product.gate_recall or 0.0
    text = _(
        "{value} of {parts} defective parts, at least {low} with 95 % confidence ({method}); {minimum} is required."
    )
    shares = {"value": percent(figure["value"]), "low": percent(figure["low"]), "minimum": percent(minimum)}
    return bool(figure["low"] >= minimum), text.format(**shares, parts=figure["parts"], method=method)


def _newest_holdout_recall(version: ModelVersion) -> Figures | None:
    """Return the holdout recall of the version's newest replay of either scope."""
    replays = Replay.objects.filter(candidate=version, state=Replay.State.SUCCEEDED).without_large_fields()
    newest = replays.order_by("-finished_at").first()
    metrics: Figures | None = newest.figures["holdout"]["candidate"] if newest else None
    return metrics["recall"] if metrics else None


def _check_reproducible(version: ModelVersion) -> LineResult:
    verifications = Verification.objects.filter(version=version)
    # Other code that comes to other figures shows nothing about this version.
    retrainings = verifications.filter(learned_again=True).exclude(findings__contains=[{"what": OTHER_CODE}])
    last, retraining = verifications.first(), retrainings.first()
    # The newest retraining counts, unless a later verification failed.
    if failed := next((row for row in (last, retraining) if row and not row.holds), None):
        return False, failures_text(failed)
    if retraining is None:
        return None, retrain_blocker(version) or _(
            "No retraining by the code that made the version is recorded. Verify the version with that code."
        )
    return True, " ".join(finding["words"] for finding in retraining.findings if finding["what"] == WEIGHTS)


def _check_second_person(version: ModelVersion, champion: ModelVersion | None, by: User | None) -> LineResult:
    approvals = Approval.objects.filter(version=version, champion=champion).select_related("by")
    if approval := next((approval for approval in approvals if approval.by != by), None):
        return True, _("{person} approved it: {reason}").format(person=approval.by, reason=approval.reason)
    return False, _("No other person has approved this promotion. Ask another person to approve the version.")
