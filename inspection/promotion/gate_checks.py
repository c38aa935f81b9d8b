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
    count, least = snapshot.total if snapshot else 0, product.gate_labels
    words = (
        _("{count} labels stand behind it, at least {least} are asked.")
        if least
        else _("{count} labels stand behind it.")
    )
    return GateLine("labels", _("Labels"), least > 0, count >= least, words.format(count=count, least=least))


def _recall_line(product: Product, version: ModelVersion) -> GateLine:
    title, asked = _("Recall on the locked holdout"), product.gate_recall is not None
    measured = _newest_holdout_metrics(version)
    if measured is None:
        words = _("It was not measured there: replay it once labels are locked, or label more.")
        return GateLine("recall", title, asked, None, words)
    figure, how = measured["recall"]["corrected"], _("corrected for how parts came to be labeled")
    if not has_enough_parts(figure):
        figure, how = measured["recall"]["counted"], _("as counted among the labels")
    if not has_enough_parts(figure):
        words = _("{parts} defective parts are locked, too few to say: at least {least} are needed. Label more parts.")
        return GateLine("recall", title, asked, None, words.format(parts=figure["parts"], least=MIN_PARTS))
    least = product.gate_recall or 0.0
    return GateLine("recall", title, asked, bool(figure["low"] >= least), _recall_text(figure, how, least))


def _recall_text(figure: Figures, how: str, least: float) -> str:
    words = _("{value} of {parts} defective parts, at least {low} with 95 % confidence, {how}; {least} is asked.")
    share = {"value": _percent(figure["value"]), "low": _percent(figure["low"]), "least": _percent(least)}
    return words.format(**share, parts=figure["parts"], how=how)


def _newest_holdout_metrics(version: ModelVersion) -> Figures | None:
    """Return the holdout metrics of the version's newest replay of either scope."""
    rows = (
        Replay.objects.filter(candidate=version, state=Replay.State.SUCCEEDED)
        .without_large_fields()
        .order_by("-finished_at")
    )
    last = rows.first()
    measured: Figures | None = last.figures["holdout"]["candidate"] if last else None
    return measured


def _reproducible_line(product: Product, version: ModelVersion) -> GateLine:
    title, asked = _("Reproducible"), product.gate_reproducible
    looks = Verification.objects.filter(version=version)
    last, again = looks.first(), looks.filter(learned_again=True).first()
    # The newest retraining counts, unless a later verification failed.
    if broken := next((look for look in (last, again) if look and not look.holds), None):
        wrong = " ".join(one["words"] for one in broken.findings if not one["holds"])
        return GateLine("reproducible", title, asked, False, wrong)
    if again is None:
        words = retrain_blocker(version) or _("It was not learned again from its snapshot: verify it first.")
        return GateLine("reproducible", title, asked, None, words)
    return GateLine("reproducible", title, asked, True, _("Learned again from its snapshot it came out the same."))


def _second_person_line(
    product: Product, version: ModelVersion, champion: ModelVersion | None, by: User | None
) -> GateLine:
    title, asked = _("Second person"), product.gate_second_person
    approvals = Approval.objects.filter(version=version, champion=champion).select_related("by")
    others = [one for one in approvals if one.by != by]
    if others:
        words = _("{person} approved it: {reason}").format(person=others[0].by, reason=others[0].reason)
        return GateLine("second_person", title, asked, True, words)
    words = _("Nobody else than who promotes it has approved it over the present champion.")
    return GateLine("second_person", title, asked, False, words)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
