"""Certificate of a fast path: the line below which the screening network answers PASS alone.

The screening network gives every image a logit; the higher, the less likely the full graph passes the image. Parts
below the line pass without the full graph. The line is chosen on parts that no learning used, twice, and the lower of
both lines counts:

1. On n parts that the full graph does not pass: the k+1st lowest logit. k is the most that Clopper and Pearson (1934)
   allow for n, the stated share and the confidence, and follows from n alone.
2. On labeled defective parts: the same with the fast path's half of the escape promise.

The share of all such parts below the k+1st of n ordered logits has at most the distribution of the k+1st of n ordered
uniform numbers, whatever the logits' distribution (Wilks 1941). So a line at a rank fixed beforehand is valid although
its value comes from the data, and so is every lower line. Tong, Feng and Li ("Neyman-Pearson classification algorithms
and NP receiver operating characteristics", Science Advances 4, 2018) choose thresholds in this way.

A defective part escapes if the fast path passes it or the full graph does, so both stages' escape rates add up, and so
do the chances that a bound fails (union bound): with half of the rate and half of the chance each, the promise holds.

Pure arithmetic; imports nothing heavy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Self

from mltasks.vision.guarantees.escape_guarantee import (
    BoundKind,
    EscapeBound,
    EscapeRateGuarantee,
    applicable_bound,
    average_bound,
    clopper_pearson_bound,
    labels_needed,
    labels_needed_on_average,
    max_escapes,
    max_escapes_on_average,
)

STAGES = 2


class MissingParts(NamedTuple):
    """Parts that a certificate lacks.

    - ``not_passed``: parts that the full graph does not pass, held out of learning
    - ``defective``: parts labeled defective, held out of learning
    - ``promise``: labeled defective parts for the full graph's half of the escape promise
    """

    not_passed: int
    defective: int
    promise: int


class TooFewParts(ValueError):  # noqa: N818 - the domain's word, and what pages show
    """Too few stored parts for a certificate; ``missing`` and the message say how many."""

    def __init__(self, missing: MissingParts) -> None:
        self.missing = missing
        texts = [
            f"{count} more {name}"
            for count, name in (
                (missing.not_passed, "held-out parts that the full graph does not pass"),
                (missing.defective, "held-out parts that are labeled defective"),
                (missing.promise, "labeled defective parts for the full graph's half of the escape promise"),
            )
            if count
        ]
        super().__init__(f"The fast path's certificate needs {' and '.join(texts)}.")


@dataclass(frozen=True, slots=True)
class ScreeningTerms:
    """Terms of a certificate.

    - ``leak``: at most ``leak.rate`` of the parts that the full graph does not pass are passed by the fast path, with
      ``leak.confidence``
    - ``promise``: the product's escape promise, which both stages share
    - ``promise_kind``: bound of the promise that the full graph's labels allow while it has the promise alone
    - ``labeled_defects``: labeled defective parts on which the full graph's PASS line rests
    """

    leak: EscapeRateGuarantee
    promise: EscapeRateGuarantee
    promise_kind: BoundKind
    labeled_defects: int


@dataclass(frozen=True, slots=True)
class HeldOutLogits:
    """Screening logits of held-out parts, one image a part: those the full graph does not pass, and labeled defects."""

    not_passed: Sequence[float]
    defective: Sequence[float]


@dataclass(frozen=True, slots=True)
class Certificate:
    """Line of the fast path, and the bounds that hold below the line.

    - ``line``: parts with a logit below the line pass
    - ``leaks`` of ``not_passed`` held-out parts lie below the line; with ``confidence`` at most ``leak_bound`` of all
      such parts do
    - ``escapes`` of ``defective`` held-out labeled defective parts lie below the line; ``escape_bound`` is of kind
      ``promise_kind``; 1 if nothing is promised
    """

    line: float
    not_passed: int
    leaks: int
    leak_bound: float
    leak_share: float
    confidence: float
    defective: int
    escapes: int
    escape_bound: float
    promise_kind: BoundKind

    def passes(self, logit: float) -> bool:
        """Return True if a part with this logit passes without the full graph. NaN does not pass."""
        return logit < self.line

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Read the result of ``to_json``. Raises TypeError for missing or unknown names."""
        return cls(**values)


def stage_promise(promise: EscapeRateGuarantee) -> EscapeRateGuarantee:
    """Return one stage's half of the escape promise: half of the rate, half of the chance that the bound fails.

    A rate of 1 promises nothing and stays.
    """
    if promise.rate >= 1:
        return promise
    return EscapeRateGuarantee(promise.rate / STAGES, 1 - (1 - promise.confidence) / STAGES)


def certify(held_out: HeldOutLogits, terms: ScreeningTerms, rounding: float = 0.0) -> Certificate:
    """Return the certificate with the highest line that keeps the terms, lowered by ``rounding``.

    ``rounding`` is the most by which a logit in serving may differ from the same image's held-out logit.

    Raises TooFewParts if no line keeps the terms, and ValueError for a logit that is not a finite number.
    """
    not_passed, defective = sorted(held_out.not_passed), sorted(held_out.defective)
    if not all(map(math.isfinite, (*not_passed, *defective))):
        raise ValueError("Screening logits are finite numbers.")
    missing = missing_parts(len(not_passed), len(defective), terms)
    if any(missing):
        raise TooFewParts(missing)
    allowed, promised = max_escapes(len(not_passed), terms.leak), _promised_bound(len(defective), terms)
    line = min(_line_above(not_passed, allowed), _line_above(defective, promised.escapes)) - rounding
    return Certificate(
        line=line,
        not_passed=len(not_passed),
        leaks=sum(logit < line for logit in not_passed),
        leak_bound=clopper_pearson_bound(allowed, len(not_passed), terms.leak.confidence),
        leak_share=terms.leak.rate,
        confidence=terms.leak.confidence,
        defective=len(defective),
        escapes=sum(logit < line for logit in defective),
        escape_bound=_escape_bound(promised, len(defective), terms.promise),
        promise_kind=promised.kind,
    )


def missing_parts(not_passed: int, defective: int, terms: ScreeningTerms) -> MissingParts:
    """Return the parts that a certificate lacks with these numbers of held-out parts; zeros if there are enough."""
    needed = _defects_needed(terms)
    return MissingParts(
        max(0, labels_needed(terms.leak) - not_passed),
        max(0, needed - defective),
        max(0, needed - terms.labeled_defects),
    )


def _defects_needed(terms: ScreeningTerms) -> int:
    """Return the defective parts that each stage needs for its half of the promise, with the promise's present kind."""
    half = stage_promise(terms.promise)
    return labels_needed(half) if terms.promise_kind == "confidence" else labels_needed_on_average(half.rate)


def _promised_bound(defective: int, terms: ScreeningTerms) -> EscapeBound:
    """Return the fast path's bound of escapes; a promise that cannot be kept today is certified on average."""
    half = stage_promise(terms.promise)
    if terms.promise_kind == "confidence":
        return applicable_bound(defective, half, average=False)
    return EscapeBound("average", max_escapes_on_average(defective, half.rate))


def _escape_bound(bound: EscapeBound, defective: int, promise: EscapeRateGuarantee) -> float:
    if promise.rate >= 1:
        return 1.0
    if bound.kind == "average":
        return average_bound(bound.escapes, defective)
    return clopper_pearson_bound(bound.escapes, defective, stage_promise(promise).confidence)


def _line_above(ordered: Sequence[float], allowed: int) -> float:
    """Return the line below which at most ``allowed`` of the ordered logits lie."""
    return ordered[allowed] if allowed < len(ordered) else math.inf


def leak_is_refuted(leaks: int, not_passed: int, share: float, confidence: float = 0.95) -> bool:
    """Return True if ``leaks`` of ``not_passed`` parts show a leaked share above ``share``, at every look.

    The likelihood of the counts, averaged over all shares, is divided by the likelihood at ``share``. If at most
    ``share`` leaks, the ratio reaches 1 / (1 − confidence) at any time with at most this chance (Ville 1939; the
    mixture is that of Robbins, "Statistical methods related to the law of the iterated logarithm", 1970).
    """
    if leaks <= share * not_passed:
        return False
    passed = not_passed - leaks
    mixture = math.lgamma(leaks + 1) + math.lgamma(passed + 1) - math.lgamma(not_passed + 2)
    expected = leaks * math.log(share) + passed * math.log1p(-share)
    return mixture - expected >= -math.log(1 - confidence)
