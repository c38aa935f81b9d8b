"""The gate: what a product asks of its next champion, and whether it holds, told from the rows. `mltasks.gate` asks it
for every door."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from inspection import replay
from inspection.models import Product, Replay
from mltasks.gate import Line
from mltasks.models import Approval, ModelVersion, Verification
from mltasks.verifying_by_worker import why_not_again

Figures = dict[str, Any]


def lines(version: ModelVersion, champion: ModelVersion | None, by: User | None) -> list[Line]:
    """Every line of the product's promotion policy, asked or not, in the order in which a person reads them. None for a
    model that no product has."""
    product = Product.objects.filter(registered_model=version.model_id).first()
    if product is None:
        return []
    done = replay.latest(version, champion)
    return [
        _labels(product, version),
        _replayed(product, champion, done),
        _recall(product, version),
        _cost(product, champion, done),
        _escapes(product, champion, done),
        _reproducible(product, version),
        _second_person(product, version, champion, by),
    ]


def _labels(product: Product, version: ModelVersion) -> Line:
    snapshot = version.run.snapshot
    count, least = snapshot.total if snapshot else 0, product.gate_labels
    words = (
        _("{count} labels stand behind it, at least {least} are asked.")
        if least
        else _("{count} labels stand behind it.")
    )
    return Line("labels", _("Labels"), least > 0, count >= least, words.format(count=count, least=least))


def _replayed(product: Product, champion: ModelVersion | None, done: Replay | None) -> Line:
    title = _("Replay")
    if champion is None:
        return Line("replay", title, product.gate_replay, True, _("There is no champion yet to replay it beside."))
    if done is None:
        words = _("The line's history was not scored by it beside version {number}: replay it first.")
        return Line("replay", title, product.gate_replay, False, words.format(number=champion.number))
    words = _("{count} parts of the line were scored by it beside version {number}.")
    said = words.format(count=done.figures["parts"], number=champion.number)
    return Line("replay", title, product.gate_replay, True, said)


def _recall(product: Product, version: ModelVersion) -> Line:
    title, asked = _("Recall on the locked holdout"), product.gate_recall is not None
    least = product.gate_recall or 0.0
    measured = _holdout(version)
    if measured is None:
        words = _("It was not measured there: replay it once labels are locked, or label more.")
        return Line("recall", title, asked, None, words)
    figure, how = measured["recall"]["corrected"], _("corrected for how parts came to be labeled")
    if figure["value"] is None:
        figure, how = measured["recall"]["counted"], _("as counted: none of its defective parts came by chance")
    if figure["value"] is None:
        return Line("recall", title, asked, None, _("There is no defective part among what is locked: label more."))
    words = _("{value} of {parts} defective parts, at least {low} with 95 % confidence, {how}; {least} is asked.")
    said = words.format(
        value=_percent(figure["value"]),
        parts=figure["parts"],
        low=_percent(figure["low"]),
        how=how,
        least=_percent(least),
    )
    return Line("recall", title, asked, bool(figure["low"] >= least), said)


def _holdout(version: ModelVersion) -> Figures | None:
    """What the newest replay of either scope measured there."""
    rows = Replay.objects.filter(candidate=version, state=Replay.State.SUCCEEDED).light().order_by("-finished_at")
    last = rows.first()
    measured: Figures | None = last.figures["holdout"]["candidate"] if last else None
    return measured


def _cost(product: Product, champion: ModelVersion | None, done: Replay | None) -> Line:
    title, asked = _("Cost"), product.gate_cost
    if champion is None:
        return Line("cost", title, asked, True, _("There is no champion yet to compare it with."))
    if done is None:
        return Line("cost", title, asked, None, _("Not known before a replay."))
    both = done.figures["cost"]
    found, how = both["corrected"], _("corrected for how parts came to be labeled")
    if "difference" not in found or found["difference"]["value"] is None:
        found, how = both["counted"], _("as counted among the labels")
    if "difference" not in found or found["difference"]["value"] is None:
        words = _("No labeled part is left that neither version learned from: label more, then replay again.")
        return Line("cost", title, asked, None, words)
    words = _("1000 parts cost {ours}, by version {number} {theirs}; difference {gap} ({low} to {high}), {how}.")
    gap = found["difference"]
    said = words.format(
        ours=f"{found['candidate']['value']:.0f}",
        number=champion.number,
        theirs=f"{found['champion']['value']:.0f}",
        gap=f"{gap['value']:+.0f}",
        low=f"{gap['low']:+.0f}",
        high=f"{gap['high']:+.0f}",
        how=how,
    )
    return Line("cost", title, asked, gap["value"] <= 0, said)


def _escapes(product: Product, champion: ModelVersion | None, done: Replay | None) -> Line:
    title, asked = _("New escapes"), product.gate_escapes is not None
    most = product.gate_escapes or 0
    if champion is None:
        return Line("escapes", title, asked, True, _("There is no champion yet to compare it with."))
    if done is None:
        return Line("escapes", title, asked, None, _("Not known before a replay."))
    gained, evidence = done.figures["gained"], done.figures["evidence"]
    words = _("Of {count} labeled parts it passes {new} defective ones that version {number} did not.")
    if asked:
        words = _(
            "Of {count} labeled parts it passes {new} defective ones that version {number} did not; {most} may be."
        )
    said = words.format(count=evidence, new=gained["new_escapes"], number=champion.number, most=most)
    return Line("escapes", title, asked, gained["new_escapes"] <= most, said)


def _reproducible(product: Product, version: ModelVersion) -> Line:
    title, asked = _("Reproducible"), product.gate_reproducible
    looks = Verification.objects.filter(version=version)
    last, again = looks.first(), looks.filter(learned_again=True).first()
    # The newest second training, unless something was found wrong since.
    if broken := next((look for look in (last, again) if look and not look.holds), None):
        wrong = " ".join(one["words"] for one in broken.findings if not one["holds"])
        return Line("reproducible", title, asked, False, wrong)
    if again is None:
        words = why_not_again(version) or _("It was not learned again from its snapshot: verify it first.")
        return Line("reproducible", title, asked, None, words)
    return Line("reproducible", title, asked, True, _("Learned again from its snapshot it came out the same."))


def _second_person(product: Product, version: ModelVersion, champion: ModelVersion | None, by: User | None) -> Line:
    title, asked = _("Second person"), product.gate_second_person
    approvals = Approval.objects.filter(version=version, champion=champion).select_related("by")
    others = [one for one in approvals if one.by != by]
    if others:
        words = _("{person} approved it: {reason}").format(person=others[0].by, reason=others[0].reason)
        return Line("second_person", title, asked, True, words)
    words = _("Nobody else than who promotes it has approved it over the present champion.")
    return Line("second_person", title, asked, False, words)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
