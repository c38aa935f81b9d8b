"""Metrics of a replay: changed verdicts, and their cost or savings on labeled parts.

Only parts that neither version was trained on count: the locked holdout and parts labeled since. Each part is
weighted by 1 / inclusion probability (`mltasks.vision.stats.weighted_estimates`), so the figures are estimates for the
line, not for the labels. The unweighted figures are reported too.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from operator import itemgetter
from typing import Any

from inspection.models import Inspection, Replay, Verdict
from inspection.replay import scored_parts
from inspection.replay.scored_parts import ScoredPart, VersionVerdict
from inspection.replay.verdict_matrix import count_verdicts
from mltasks.vision.stats.intervals import Estimate, proportion
from mltasks.vision.stats.paired_tests import mcnemar
from mltasks.vision.stats.weighted_estimates import mean_difference, weighted_proportion
from mltasks.vision.types import Costs

Figures = dict[str, Any]
VerdictOf = Callable[[ScoredPart], VersionVerdict | None]
MAX_CHANGED_VERDICTS = 240  # parts that the contact sheet can show
# Rank of a changed verdict by the candidate's verdict and the human verdict, the worst first; reviews have rank 5.
_SEVERITY: dict[tuple[str, str | None], int] = {
    (Verdict.PASS, Verdict.FAIL): 0,
    (Verdict.PASS, None): 1,
    (Verdict.FAIL, Verdict.PASS): 2,
    (Verdict.FAIL, None): 3,
    (Verdict.PASS, Verdict.PASS): 4,
    (Verdict.FAIL, Verdict.FAIL): 6,
}


def compute(replay: Replay, *, unread: int = 0) -> Figures:
    """Return all figures of a replay whose parts are scored, as JSON."""
    scored = scored_parts.load_scored_parts(replay)
    labeled = [part for part in scored if part.human_verdict]
    evidence = [part for part in labeled if not part.trained_on]
    costs = replay.product.costs
    return {
        "parts": len(scored),
        "missing": len(replay.parts) - len(scored),
        "unread": unread,
        "labeled": len(labeled),
        "learned": len(labeled) - len(evidence),
        "evidence": len(evidence),
        "judged": len({part.part_name for part in evidence}),
        "defective": len({part.part_name for part in evidence if part.defective}),
        "weighed": sum(part.weight is not None for part in evidence),
        "costs": {"fn": costs.fn, "fp": costs.fp, "review": costs.review},
        "matrix": count_verdicts((part.champion.verdict, part.candidate.verdict) for part in scored if part.champion),
        "flips": [str(part.inspection_id) for part in _changed_worst_first(scored)[:MAX_CHANGED_VERDICTS]],
        "gained": error_changes(evidence),
        "cost": {
            "corrected": _to_json(cost([part for part in evidence if part.weight is not None], costs, weigh=True)),
            "counted": _to_json(cost(evidence, costs, weigh=False)),
        },
        "paired": _paired_test(evidence),
        "review_load": _review_load(replay, scored),
        "holdout": {
            "candidate": _holdout_metrics(scored, lambda part: part.candidate),
            "champion": _holdout_metrics(scored, lambda part: part.champion),
        },
    }


def _changed_worst_first(scored: Sequence[ScoredPart]) -> list[ScoredPart]:
    """Return the parts with changed verdicts, worst first, then by the change of probability."""
    changed = [
        (
            _SEVERITY.get((part.candidate.verdict, part.human_verdict), 5),
            -abs(part.candidate.probability - part.champion.probability),
            part,
        )
        for part in scored
        if part.champion and part.champion.verdict != part.candidate.verdict
    ]
    return [part for _, _, part in sorted(changed, key=itemgetter(0, 1))]


def error_changes(evidence: Sequence[ScoredPart]) -> dict[str, int]:
    """Return the numbers of escapes and false alarms that only one version makes, in parts."""
    names = ("new_escapes", "caught_escapes", "new_alarms", "spared_alarms")
    changes: dict[str, set[str]] = {name: set() for name in names}
    for part in evidence:
        error = Verdict.PASS if part.defective else Verdict.FAIL
        candidate_errs = part.candidate.verdict == error
        if part.champion and candidate_errs != (part.champion.verdict == error):
            new, avoided = names[:2] if part.defective else names[2:]
            changes[new if candidate_errs else avoided].add(part.part_name)
    return {name: len(parts) for name, parts in changes.items()}


def cost(labeled: Sequence[ScoredPart], costs: Costs, *, weigh: bool) -> dict[str, Estimate]:
    """Return costs of 1000 parts: candidate, and if scored, champion and the difference."""
    weights = [part.weight * part.holdout_weight if weigh and part.weight else 1.0 for part in labeled]
    names, zeros = [part.part_name for part in labeled], [0.0] * len(labeled)
    candidate = [1000 * part.cost(part.candidate, costs) for part in labeled]
    champion = [1000 * part.cost(part.champion, costs) for part in labeled if part.champion]
    estimates = {"candidate": mean_difference(candidate, zeros, weights, names)}
    if champion and len(champion) == len(candidate):
        estimates["champion"] = mean_difference(champion, zeros, weights, names)
        estimates["difference"] = mean_difference(candidate, champion, weights, names)
    return estimates


def _to_json(estimates: Mapping[str, Estimate]) -> Figures:
    return {name: estimate.to_json() for name, estimate in estimates.items()}


def _paired_test(evidence: Sequence[ScoredPart]) -> dict[str, Any] | None:
    """Compare both versions' model verdicts by McNemar's test; None without a champion."""
    both = [(part, part.champion) for part in evidence if part.champion]
    if not both:
        return None
    test = mcnemar(
        [part.candidate.model_verdict == part.human_verdict for part, _ in both],
        [champion.model_verdict == part.human_verdict for part, champion in both],
        [part.part_name for part, _ in both],
    )
    return {"candidate_only": test.first_only, "champion_only": test.second_only, "n": test.n, "p": test.p_value}


def _review_load(replay: Replay, scored: Sequence[ScoredPart]) -> dict[str, Any] | None:
    """Return reviews per day by each version; None without a decided part of the line."""
    line = Inspection.objects.filter(pk__in=replay.parts, state=Inspection.State.DECIDED)
    received_at = dict(line.values_list("pk", "received_at"))
    if not received_at:
        return None
    first, last = min(received_at.values()), max(received_at.values())
    days = max(1.0, (last - first).total_seconds() / 86_400)
    period = Inspection.objects.filter(
        product=replay.product, state=Inspection.State.DECIDED, received_at__range=(first, last)
    )
    totals = {labeled: period.filter(human_verdict__isnull=not labeled).count() for labeled in (True, False)}
    of_line = [part for part in scored if part.inspection_id in received_at]
    return {
        "days": days,
        "parts": sum(totals.values()),
        "candidate": _review_count(of_line, totals, lambda part: part.candidate) / days,
        "champion": _review_count(of_line, totals, lambda part: part.champion) / days if replay.champion else None,
    }


def _review_count(scored: Sequence[ScoredPart], totals: dict[bool, int], verdict_of: VerdictOf) -> float:
    """Estimate how many of all parts would be reviewed.

    Labeled and unlabeled parts are extrapolated separately from their scored share: a replay takes labeled parts first,
    and they are the less certain ones.
    """
    reviews = 0.0
    for labeled, total in totals.items():
        verdicts = [verdict_of(part) for part in scored if (part.human_verdict is not None) is labeled]
        if verdicts:
            reviewed = sum(verdict is not None and verdict.verdict == Verdict.REVIEW for verdict in verdicts)
            reviews += total * reviewed / len(verdicts)
    return reviews


def _holdout_metrics(scored: Sequence[ScoredPart], verdict_of: VerdictOf) -> Figures | None:
    """Return a version's metrics on the locked holdout; None without holdout parts."""
    rows = [
        (part, version_verdict.verdict)
        for part in scored
        if part.holdout and part.human_verdict and not part.trained_on and (version_verdict := verdict_of(part))
    ]
    if not rows:
        return None
    defective, good = ([row for row in rows if row[0].defective is kind] for kind in (True, False))
    max_weight = max(part.weight or 0.0 for part, _ in rows)
    rates = {
        "escape_rate": (defective, {Verdict.PASS}),
        "recall": (defective, {Verdict.REVIEW, Verdict.FAIL}),
        "false_alarm_rate": (good, {Verdict.FAIL}),
        "review_rate": (rows, {Verdict.REVIEW}),
    }
    return {
        "n": len(rows),
        "weighed": sum(part.weight is not None for part, _ in rows),
        **{name: _corrected_and_counted(*rate, max_weight) for name, rate in rates.items()},
    }


def _corrected_and_counted(
    rows: Sequence[tuple[ScoredPart, str]], verdicts: Container[str], max_weight: float
) -> dict[str, Any]:
    """Return the share of parts with one of the verdicts, for the line (corrected) and as counted."""
    hits = [verdict in verdicts for _, verdict in rows]
    weighed = [(part.weight, part.part_name, hit) for (part, _), hit in zip(rows, hits, strict=True) if part.weight]
    corrected = weighted_proportion(
        [hit for _, _, hit in weighed],
        [weight for weight, _, _ in weighed],
        [name for _, name, _ in weighed],
        max_weight,
    )
    return _to_json({"corrected": corrected, "counted": proportion(hits, [part.part_name for part, _ in rows])})
