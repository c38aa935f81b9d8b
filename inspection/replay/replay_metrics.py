"""What a replay shows: verdicts that would turn, and on labeled parts what that would have cost or saved.

Only parts that neither version learned from are evidence: the locked holdout, and what was labeled since. The figures
are those of the line, not of the labels: each part is weighed by one over its chance to be looked at
(`mltasks.vision.stats.weighted_estimates`); what they would be without stands beside them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from inspection.models import Inspection, Replay, Verdict
from inspection.replay import scored_parts
from inspection.replay.scored_parts import Judged, Word
from mltasks.vision.stats.intervals import Estimate, proportion
from mltasks.vision.stats.paired_tests import mcnemar
from mltasks.vision.stats.weighted_estimates import mean_difference, weighted_proportion
from mltasks.vision.types import Costs

Figures = dict[str, Any]
SHEET = 240  # parts that the contact sheet can show


def of(replay: Replay, *, unread: int = 0) -> Figures:
    """All figures of a replay whose parts are scored, as JSON."""
    judged = scored_parts.of(replay)
    evidence = [one for one in judged if one.person and not one.learned]
    costs = replay.product.costs
    return {
        "parts": len(judged),
        "missing": len(replay.parts) - len(judged),
        "unread": unread,
        "labeled": sum(one.person is not None for one in judged),
        "learned": sum(one.person is not None and one.learned for one in judged),
        "evidence": len(evidence),
        "judged": len({one.part for one in evidence}),
        "defective": len({one.part for one in evidence if one.defective}),
        "weighed": sum(one.weight is not None for one in evidence),
        "costs": {"fn": costs.fn, "fp": costs.fp, "review": costs.review},
        "matrix": _matrix(judged),
        "flips": [str(one.key) for one in _worst_first(judged)[:SHEET]],
        "gained": _gained(evidence),
        "cost": _costs(evidence, costs),
        "paired": _paired(evidence),
        "review_load": _review_load(replay, judged),
        "holdout": {
            "candidate": _holdout(judged, lambda one: one.candidate),
            "champion": _holdout(judged, lambda one: one.champion),
        },
    }


def _matrix(judged: Sequence[Judged]) -> dict[str, dict[str, int]]:
    """How many parts have which verdict by the champion (outer) and by the candidate (inner)."""
    count = Counter((one.champion.verdict, one.candidate.verdict) for one in judged if one.champion)
    names = [str(verdict) for verdict in (Verdict.PASS, Verdict.REVIEW, Verdict.FAIL)]
    return {theirs: {ours: count[theirs, ours] for ours in names} for theirs in names}


def _worst_first(judged: Sequence[Judged]) -> list[Judged]:
    """The parts whose verdict would turn: new escapes first, then passes that nobody has looked at, new false alarms,
    and what would go to people; of each the largest steps first."""

    def key(one: Judged) -> tuple[int, float]:
        assert one.champion is not None  # noqa: S101 - for the type checker
        return _harm(one), -abs(one.candidate.probability - one.champion.probability)

    return sorted((one for one in judged if one.champion and one.champion.verdict != one.candidate.verdict), key=key)


def _harm(one: Judged) -> int:
    to = one.candidate.verdict
    if to == Verdict.PASS:
        return 0 if one.defective else 1 if one.person is None else 4
    if to == Verdict.FAIL:
        return 2 if one.person == Verdict.PASS else 3 if one.person is None else 6
    return 5


def _gained(evidence: Sequence[Judged]) -> dict[str, int]:
    """Escapes and false alarms that only one of the two makes; parts, not images."""
    escapes = [one for one in evidence if one.defective]
    good = [one for one in evidence if not one.defective]
    return {
        "new_escapes": _only(escapes, Verdict.PASS, first=True),
        "caught_escapes": _only(escapes, Verdict.PASS, first=False),
        "new_alarms": _only(good, Verdict.FAIL, first=True),
        "spared_alarms": _only(good, Verdict.FAIL, first=False),
    }


def _only(some: Sequence[Judged], verdict: str, *, first: bool) -> int:
    found = set()
    for one in some:
        if one.champion is not None:
            said = one.candidate.verdict == verdict, one.champion.verdict == verdict
            if said == (first, not first):
                found.add(one.part)
    return len(found)


def _costs(evidence: Sequence[Judged], costs: Costs) -> dict[str, Any]:
    """Cost of 1000 parts by each, and the candidate's less the champion's: of the line, and as counted."""
    weighed = [one for one in evidence if one.weight is not None]
    found = {"corrected": cost(weighed, costs, weigh=True), "counted": cost(evidence, costs, weigh=False)}
    return {how: {name: estimate.to_json() for name, estimate in estimates.items()} for how, estimates in found.items()}


def cost(some: Sequence[Judged], costs: Costs, *, weigh: bool) -> dict[str, Estimate]:
    """Return the cost of 1000 parts by the candidate and, if all parts have a verdict of the champion, by the champion
    and the difference of the two."""
    weights = [one.weight * one.like if weigh and one.weight else 1.0 for one in some]
    parts, nothing = [one.part for one in some], [0.0] * len(some)
    ours = [1000 * one.cost(one.candidate, costs) for one in some]
    theirs = [1000 * one.cost(one.champion, costs) for one in some if one.champion]
    found = {"candidate": mean_difference(ours, nothing, weights, parts)}
    if theirs and len(theirs) == len(ours):
        found["champion"] = mean_difference(theirs, nothing, weights, parts)
        found["difference"] = mean_difference(ours, theirs, weights, parts)
    return found


def _paired(evidence: Sequence[Judged]) -> dict[str, Any] | None:
    """Whether the two labels, PASS or FAIL, differ from people's by more than chance."""
    both = [one for one in evidence if one.champion]
    if not both:
        return None
    ours = [one.candidate.label == one.person for one in both]
    theirs = [one.champion.label == one.person for one in both if one.champion]
    found = mcnemar(ours, theirs, [one.part for one in both])
    return {"candidate_only": found.first_only, "champion_only": found.second_only, "n": found.n, "p": found.p_value}


def _review_load(replay: Replay, judged: Sequence[Judged]) -> dict[str, Any] | None:
    """Parts that people would be asked about on a day, by each; None without any part of the line's own."""
    line = Inspection.objects.filter(pk__in=replay.parts, state=Inspection.State.DECIDED)
    times = list(line.order_by("received_at").values_list("received_at", flat=True))
    if not times:
        return None
    days = max(1.0, (times[-1] - times[0]).total_seconds() / 86_400)
    first = times[0]
    everything = Inspection.objects.filter(
        product=replay.product, state=Inspection.State.DECIDED, received_at__gte=first, received_at__lte=times[-1]
    )
    totals = {True: everything.filter(person_says__isnull=False).count()}
    totals[False] = everything.count() - totals[True]
    keys = set(line.values_list("pk", flat=True))
    of_line = [one for one in judged if one.key in keys]
    return {
        "days": days,
        "parts": totals[True] + totals[False],
        "candidate": _asked(of_line, totals, lambda one: one.candidate) / days,
        "champion": _asked(of_line, totals, lambda one: one.champion) / days if replay.champion else None,
    }


def _asked(judged: Sequence[Judged], totals: dict[bool, int], word: Callable[[Judged], Word | None]) -> float:
    """How many of all parts a person would be asked about: labeled and other parts each by the share of those scored.
    Labeled ones go before others into a replay, and are the doubtful ones."""
    asked = 0.0
    for labeled, total in totals.items():
        words = [word(one) for one in judged if (one.person is not None) is labeled]
        if words:
            asked += total * sum(said is not None and said.verdict == Verdict.REVIEW for said in words) / len(words)
    return asked


def _holdout(judged: Sequence[Judged], word: Callable[[Judged], Word | None]) -> dict[str, Any] | None:
    """A version's figures on the locked holdout; None without any part of it."""
    rows = [(one, said) for one in judged if one.holdout and one.person and not one.learned and (said := word(one))]
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
        found[name] = _both_ways([one for one, _ in some], hits, heaviest)
    everything = [one for one, _ in rows]
    found["review_rate"] = _both_ways(everything, [said.verdict == Verdict.REVIEW for _, said in rows], heaviest)
    return found


def _both_ways(some: Sequence[Judged], hits: Sequence[bool], heaviest: float) -> dict[str, Any]:
    """A share of the line, weighed, and as counted among the labels."""
    pairs = [(one, hit) for one, hit in zip(some, hits, strict=True) if one.weight]
    corrected: Estimate = weighted_proportion(
        [hit for _, hit in pairs], [one.weight or 1.0 for one, _ in pairs], [one.part for one, _ in pairs], heaviest
    )
    counted = proportion(hits, [one.part for one in some])
    return {"corrected": corrected.to_json(), "counted": counted.to_json()}
