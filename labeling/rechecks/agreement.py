"""Agreement between reviewers, and of each reviewer with themselves, by blind rechecks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.db.models.functions import Now
from django.utils.translation import gettext as _

from inspection.models import Product, Verdict
from labeling.models import Label, Recheck
from labeling.rechecks.recheck_resolution import verdict_pair, verdicts_agree
from mltasks.vision.stats.intervals import Estimate
from mltasks.vision.stats.kappa import kappa

MAX_ROWS = 24  # rows on a page
LabelPair = tuple[Label, Label]


@dataclass(frozen=True)
class ReviewerAgreement:
    """Agreement of two reviewers, or of one with themselves (both names are the same).

    ``agreed`` counts parts with the same verdict and no two different defect types; ``kappa`` compares PASS and FAIL.
    """

    reviewers: tuple[str, str]
    parts: int
    agreed: int
    kappa: Estimate

    @property
    def share(self) -> float:
        """Return the share of parts on which they agreed, in [0, 1]."""
        return self.agreed / self.parts


@dataclass(frozen=True)
class ConfusionCell:
    """Count of one second verdict; ``shade``, 0 to 3, is its share of the row."""

    count: int
    agrees: bool
    shade: int


@dataclass(frozen=True)
class ConfusionMatrix:
    """Second verdicts (``categories``) by first verdicts (``rows``, with their texts)."""

    categories: list[str]
    rows: list[tuple[str, list[ConfusionCell]]]


def load_label_pairs(product: Product, since: timedelta | None, reason: Recheck.Reason) -> list[LabelPair]:
    """Return first and second label of the parts that were reviewed blind twice since then.

    Both labels are from the queue: a person who corrects a label has read it.
    """
    queue = Label.Source.REVIEW
    answered = Recheck.objects.filter(inspection__product=product, reason=reason, answer__isnull=False)
    blind = answered.filter(label__source=queue, answer__source=queue)
    if since is not None:
        blind = blind.filter(closed_at__gte=Now() - since)
    people = ("label__reviewer", "answer__reviewer")
    kinds = ("label__review__defect_type__merged_into", "answer__review__defect_type__merged_into")
    rows = blind.select_related(*people, *kinds).order_by("closed_at", "pk")
    return [(row.label, row.answer) for row in rows if row.answer is not None]


def overall_agreement(pairs: list[LabelPair]) -> ReviewerAgreement | None:
    """Return the agreement over all pairs, first against second; None without pairs."""
    return _summarize_agreement(("", ""), pairs) if pairs else None


def agreement_by_reviewer_pair(pairs: Iterable[LabelPair]) -> list[ReviewerAgreement]:
    """Return the agreement of reviewer pairs in any order: the ``MAX_ROWS`` with most parts."""
    groups: dict[tuple[str, str], list[LabelPair]] = {}
    for first, second in pairs:
        ordered = sorted((first, second), key=_reviewer_name)
        groups.setdefault((_reviewer_name(ordered[0]), _reviewer_name(ordered[1])), []).append((ordered[0], ordered[1]))
    largest = sorted(groups, key=lambda people: (-len(groups[people]), people))[:MAX_ROWS]
    return [_summarize_agreement(people, groups[people]) for people in largest]


def confusion_matrix(pairs: Iterable[LabelPair]) -> ConfusionMatrix | None:
    """Return second verdicts by first verdicts, by defect type; None without pairs."""
    counts = Counter((_category(first), _category(second)) for first, second in pairs)
    if not counts:
        return None
    keys = sorted({key for pair in counts for key in pair})
    rows = []
    for key in keys:
        total = sum(counts[key, other] for other in keys)
        cells = [ConfusionCell(counts[key, other], key == other, _shade(counts[key, other], total)) for other in keys]
        rows.append((_category_text(*key), cells))
    return ConfusionMatrix([text for text, cells in rows], rows)


def _summarize_agreement(reviewers: tuple[str, str], pairs: list[LabelPair]) -> ReviewerAgreement:
    # If the second reviewer named no type, their label has the first one's type: they agree either way.
    agreed = sum(verdicts_agree(verdict_pair(first), verdict_pair(second)) for first, second in pairs)
    firsts, seconds = ([label.verdict == Verdict.FAIL for label in labels] for labels in zip(*pairs, strict=True))
    return ReviewerAgreement(reviewers, len(pairs), agreed, kappa(firsts, seconds))


def _reviewer_name(label: Label) -> str:
    return label.reviewer.username if label.reviewer else ""


def _category(label: Label) -> tuple[int, str]:
    """Return the verdict as a sort key: good first, then defects without a name.

    Taken from the review: the label may have kept a name that was given before.
    """
    kind = label.review.defect_type if label.review else label.defect_type
    return label.target, kind.current.name if kind else ""


def _category_text(target: int, type_name: str) -> str:
    return type_name or (_("defective, no type") if target else _("good"))


def _shade(count: int, total: int) -> int:
    """Return 0 for no count, 1 up to a third, 2 up to two thirds, else 3."""
    return min(3, -(-3 * count // total)) if count else 0
