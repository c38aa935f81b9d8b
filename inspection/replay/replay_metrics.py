"""Metrics of a replay: changed verdicts, and their cost or savings on labeled parts.

Only parts that neither version trained on are evidence: the locked holdout and parts labeled since. Each part is
weighted by 1 / inclusion probability (`mltasks.vision.stats.weighted_estimates`), so the figures are estimates for the
line, not for the labels. The unweighted figures are reported too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from inspection.models import Inspection, Replay, Verdict
from inspection.replay import scored_parts
from inspection.replay.scored_parts import ModelVerdict, ScoredPart
from mltasks.vision.stats.intervals import Estimate, proportion
from mltasks.vision.stats.paired_tests import mcnemar
from mltasks.vision.stats.weighted_estimates import mean_difference, weighted_proportion
from mltasks.vision.types import Costs

Figures = dict[str, Any]
MAX_CHANGED_VERDICTS = 240  # parts that the contact sheet can show


def compute(replay: Replay, *, unread: int = 0) -> Figures:
    """Return all figures of a replay whose parts are scored, as JSON."""
    judged = scored_parts.load_scored_parts(replay)
    evidence = [one for one in judged if one.human_verdict and not one.trained_on]
    costs = replay.product.costs
    return {
        "parts": len(judged),
        "missing": len(replay.parts) - len(judged),
        "unread": unread,
        "labeled": sum(one.human_verdict is not None for one in judged),
        "learned": sum(one.human_verdict is not None and one.trained_on for one in judged),
        "evidence": len(evidence),
        "judged": len({one.part_name for one in evidence}),
        "defective": len({one.part_name for one in evidence if one.defective}),
        "weighed": sum(one.weight is not None for one in evidence),
        "costs": {"fn": costs.fn, "fp": costs.fp, "review": costs.review},
        "matrix": _matrix(judged),
        "flips": [str(one.inspection_id) for one in _changed_worst_first(judged)[:MAX_CHANGED_VERDICTS]],
        "gained": _error_changes(evidence),
        "cost": _line_costs(evidence, costs),
        "paired": _paired_test(evidence),
        "review_load": _review_load(replay, judged),
        "holdout": {
            "candidate": _holdout_metrics(judged, lambda one: one.candidate),
            "champion": _holdout_metrics(judged, lambda one: one.champion),
        },
    }


def _matrix(scored: Sequence[ScoredPart]) -> dict[str, dict[str, int]]:
    """Return counts of parts by the champion's verdict (outer) and the candidate's (inner)."""
    count = Counter((one.champion.verdict, one.candidate.verdict) for one in scored if one.champion)
    names = [str(verdict) for verdict in (Verdict.PASS, Verdict.REVIEW, Verdict.FAIL)]
    return {theirs: {ours: count[theirs, ours] for ours in names} for theirs in names}


def _changed_worst_first(scored: Sequence[ScoredPart]) -> list[ScoredPart]:
    """Return the parts with changed verdicts, worst first.

    The order is: escapes, passes of unlabeled parts, false alarms, failures of unlabeled parts, correct passes,
    reviews, correct failures. Within a rank, the largest change of probability comes first.
    """

    def key(one: ScoredPart) -> tuple[int, float]:
        assert one.champion is not None  # noqa: S101 - narrows the type
        return _severity_rank(one), -abs(one.candidate.probability - one.champion.probability)

    return sorted((one for one in scored if one.champion and one.champion.verdict != one.candidate.verdict), key=key)


def _severity_rank(scored_part: ScoredPart) -> int:
    to = scored_part.candidate.verdict
    if to == Verdict.PASS:
        return 0 if scored_part.defective else 1 if scored_part.human_verdict is None else 4
    if to == Verdict.FAIL:
        return 2 if scored_part.human_verdict == Verdict.PASS else 3 if scored_part.human_verdict is None else 6
    return 5


def _error_changes(evidence: Sequence[ScoredPart]) -> dict[str, int]:
    """Return the numbers of escapes and false alarms that only one version makes, in parts."""
    escapes = [one for one in evidence if one.defective]
    good = [one for one in evidence if not one.defective]
    return {
        "new_escapes": _count_one_sided(escapes, Verdict.PASS, by_candidate=True),
        "caught_escapes": _count_one_sided(escapes, Verdict.PASS, by_candidate=False),
        "new_alarms": _count_one_sided(good, Verdict.FAIL, by_candidate=True),
        "spared_alarms": _count_one_sided(good, Verdict.FAIL, by_candidate=False),
    }


def _count_one_sided(scored: Sequence[ScoredPart], verdict: str, *, by_candidate: bool) -> int:
    found = set()
    for one in scored:
        if one.champion is not None:
            said = one.candidate.verdict == verdict, one.champion.verdict == verdict
            if said == (by_candidate, not by_candidate):
                found.add(one.part_name)
    return len(found)


def _line_costs(evidence: Sequence[ScoredPart], costs: Costs) -> dict[str, Any]:
    """Return costs of 1000 parts and candidate minus champion, of the line and as counted."""
    weighed = [one for one in evidence if one.weight is not None]
    found = {"corrected": cost(weighed, costs, weigh=True), "counted": cost(evidence, costs, weigh=False)}
    return {how: {name: estimate.to_json() for name, estimate in estimates.items()} for how, estimates in found.items()}


def cost(some: Sequence[ScoredPart], costs: Costs, *, weigh: bool) -> dict[str, Estimate]:
    """Return costs of 1000 parts: candidate, and if scored, champion and the difference."""
    weights = [one.weight * one.holdout_weight if weigh and one.weight else 1.0 for one in some]
    parts, nothing = [one.part_name for one in some], [0.0] * len(some)
    ours = [1000 * one.cost(one.candidate, costs) for one in some]
    theirs = [1000 * one.cost(one.champion, costs) for one in some if one.champion]
    found = {"candidate": mean_difference(ours, nothing, weights, parts)}
    if theirs and len(theirs) == len(ours):
        found["champion"] = mean_difference(theirs, nothing, weights, parts)
        found["difference"] = mean_difference(ours, theirs, weights, parts)
    return found


def _paired_test(evidence: Sequence[ScoredPart]) -> dict[str, Any] | None:
    """Compare both versions' model verdicts by McNemar's test; None without a champion."""
    both = [one for one in evidence if one.champion]
    if not both:
        return None
    ours = [one.candidate.model_verdict == one.human_verdict for one in both]
    theirs = [one.champion.model_verdict == one.human_verdict for one in both if one.champion]
    found = mcnemar(ours, theirs, [one.part_name for one in both])
    return {"candidate_only": found.first_only, "champion_only": found.second_only, "n": found.n, "p": found.p_value}


def _review_load(replay: Replay, scored: Sequence[ScoredPart]) -> dict[str, Any] | None:
    """Return reviews per day by each version; None without a decided part of the line."""
    line = Inspection.objects.filter(pk__in=replay.parts, state=Inspection.State.DECIDED)
    times = list(line.order_by("received_at").values_list("received_at", flat=True))
    if not times:
        return None
    days = max(1.0, (times[-1] - times[0]).total_seconds() / 86_400)
    first = times[0]
    everything = Inspection.objects.filter(
        product=replay.product, state=Inspection.State.DECIDED, received_at__gte=first, received_at__lte=times[-1]
    )
    totals = {True: everything.filter(human_verdict__isnull=False).count()}
    totals[False] = everything.count() - totals[True]
    keys = set(line.values_list("pk", flat=True))
    of_line = [one for one in scored if one.inspection_id in keys]
    return {
        "days": days,
        "parts": totals[True] + totals[False],
        "candidate": _review_count(of_line, totals, lambda one: one.candidate) / days,
        "champion": _review_count(of_line, totals, lambda one: one.champion) / days if replay.champion else None,
    }


def _review_count(
    scored: Sequence[ScoredPart], totals: dict[bool, int], verdict_of: Callable[[ScoredPart], ModelVerdict | None]
) -> float:
    """Estimate how many of all parts would be reviewed.

    Labeled and unlabeled parts are extrapolated separately from their scored share: a replay takes labeled parts first,
    and they are the less certain ones.
    """
    asked = 0.0
    for labeled, total in totals.items():
        words = [verdict_of(one) for one in scored if (one.human_verdict is not None) is labeled]
        if words:
            asked += total * sum(said is not None and said.verdict == Verdict.REVIEW for said in words) / len(words)
    return asked


def _holdout_metrics(
    scored: Sequence[ScoredPart], verdict_of: Callable[[ScoredPart], ModelVerdict | None]
) -> dict[str, Any] | None:
    """Return a version's metrics on the locked holdout; None without holdout parts."""
    rows = [
        (one, said)
        for one in scored
        if one.holdout and one.human_verdict and not one.trained_on and (said := verdict_of(one))
    ]
    if not rows:
        return None
    heaviest = max((one.weight or 0.0 for one, _ in rows), default=0.0)
    found: dict[str, Any] = {"n": len(rows), "weighed": sum(one.weight is not None for one, _ in rows)}
    for name, defective, verdict in (
        ("escape_rate", True, Verdict.PASS),
        ("recall", True, None),
        ("false_alarm_rate", False, Verdict.FAIL),
    ):
        some = [(one, said) for one, said in rows if one.defective is defective]
        hits = [said.verdict == verdict if verdict else said.verdict != Verdict.PASS for _, said in some]
        found[name] = _corrected_and_counted([one for one, _ in some], hits, heaviest)
    everything = [one for one, _ in rows]
    found["review_rate"] = _corrected_and_counted(
        everything, [said.verdict == Verdict.REVIEW for _, said in rows], heaviest
    )
    return found


def _corrected_and_counted(scored: Sequence[ScoredPart], hits: Sequence[bool], max_weight: float) -> dict[str, Any]:
    """Return a share weighted for the line, and as counted among the labels."""
    pairs = [(one, hit) for one, hit in zip(scored, hits, strict=True) if one.weight]
    corrected: Estimate = weighted_proportion(
        [hit for _, hit in pairs],
        [one.weight or 1.0 for one, _ in pairs],
        [one.part_name for one, _ in pairs],
        max_weight,
    )
    counted = proportion(hits, [one.part_name for one in scored])
    return {"corrected": corrected.to_json(), "counted": counted.to_json()}
