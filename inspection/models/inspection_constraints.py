"""Indexes of inspections, each with its query, and the trigger that makes verdicts final.

The indexes let each page read one page of rows, however many rows the table has.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import or_

import pgtrigger
from django.contrib.postgres.indexes import HashIndex, OpClass
from django.db.models import F, Index, Q
from django.db.models.functions import Coalesce

from inspection.models.choices import Reason

# Columns that the database refuses to change once a part is decided.
VERDICT_FIELDS = ("state", "verdict", "reasons", "inclusion_probability")
# Columns that may come later, if the part was answered before its scores: each is written once.
SCORE_FIELDS = (
    "model_verdict",
    "defect_probability",
    "reconstruction_error",
    "anomaly_threshold",
    "novel_defect_suspected",
    "novelty",
)
# A fallback version may score a deferred part, so the version is written with the scores.
DECISION_FIELDS = (*VERDICT_FIELDS, *SCORE_FIELDS, "model_version")


def decision_changed() -> pgtrigger.Q:
    """Return the condition of an update that changes a decided part's verdict or scores.

    Allowed are the missing scores of a deferred part, and its version, in the update that ends the deferral. No update
    defers the scores of a part that is decided already.
    """
    scores_arrive = pgtrigger.Q(old__scoring_deferred=True, new__scoring_deferred=False)
    score_replaced = _any(pgtrigger.Q(**{f"old__{name}__isnull": False}) & _changes(name) for name in SCORE_FIELDS)
    refused = _any(_changes(name) for name in VERDICT_FIELDS)
    refused |= _any(_changes(name) for name in (*SCORE_FIELDS, "model_version")) & ~scores_arrive
    refused |= score_replaced | pgtrigger.Q(old__scoring_deferred=False, new__scoring_deferred=True)
    return pgtrigger.Q(old__state="decided") & refused


def _changes(name: str) -> pgtrigger.Q:
    return pgtrigger.Q(**{f"old__{name}__df": pgtrigger.F(f"new__{name}")})


def _any(conditions: Iterable[pgtrigger.Q]) -> pgtrigger.Q:
    return reduce(or_, conditions, pgtrigger.Q())


# Human verdict and model verdict differ. Spelled out, so that the planner matches the query with the index.
MODEL_CONTRADICTED = Q(model_verdict="PASS", human_verdict="FAIL") | Q(model_verdict="FAIL", human_verdict="PASS")
# Labeled parts outside the locked holdout: versions train on them.
TRAINABLE = Q(human_verdict__isnull=False) & (Q(holdout=False) | Q(holdout__isnull=True))
_AWAITING_REVIEW = Q(verdict="REVIEW", resolved_at__isnull=True)
_NEWEST_FIRST = ("-received_at", "-id")

_HISTORY_INDEXES = [
    # All parts, newest first: REST, the admin.
    Index(fields=[*_NEWEST_FIRST], name="inspection_newest"),
    # History page: a product's parts, newest first, one index for each filter.
    Index(fields=["product", "-received_at"], name="inspection_by_product"),
    Index(fields=["product", "verdict", *_NEWEST_FIRST], name="inspection_by_verdict"),
    # Parts without a verdict: PostgreSQL can't read rows in index order behind `IS NULL`, so they have their own index.
    Index(fields=["product", *_NEWEST_FIRST], name="inspection_no_verdict", condition=Q(verdict__isnull=True)),
    # Also the last part of each station on the dashboard. Replaces the foreign key's index.
    Index(fields=["station", *_NEWEST_FIRST], name="inspection_by_station"),
    Index(fields=["product", "source", *_NEWEST_FIRST], name="inspection_by_source", condition=~Q(source="station")),
    Index(
        fields=["product", "human_verdict", *_NEWEST_FIRST],
        name="inspection_by_person",
        condition=Q(human_verdict__isnull=False),
    ),
    Index(
        fields=["product", "verdict", "human_verdict", *_NEWEST_FIRST],
        name="inspection_by_both",
        condition=Q(human_verdict__isnull=False),
    ),
    Index(fields=["product", *_NEWEST_FIRST], name="inspection_against", condition=MODEL_CONTRADICTED),
    # Number of trainable parts, counted by the dashboard and every review page.
    Index(fields=["product"], name="inspection_teaches", condition=TRAINABLE),
    # Locked holdout, on which every version is measured.
    Index(fields=["product"], name="inspection_holdout", condition=Q(holdout=True)),
    # One index per reason, because a joint index has no order of time and few parts have a rare reason.
    *(
        Index(
            fields=["product", *_NEWEST_FIRST],
            name=f"inspection_why_{reason}",
            condition=Q(reasons__contains=[reason]),
        )
        for reason in Reason.values
    ),
    # Part ids and prefixes of part ids: only this operator class finds prefixes in every collation.
    Index(
        F("product"),
        OpClass("part_id", "varchar_pattern_ops"),
        name="inspection_by_part_id",
        condition=~Q(part_id=""),
    ),
]

_QUEUE_INDEXES = [
    # Review queue of a product in order of rank. No other index gives this order, so the planner does not walk
    # `inspection_newest` past all resolved parts.
    Index(
        F("product"),
        Coalesce("queue_sort_key", "received_at"),
        F("id"),
        name="inspection_queue_place",
        condition=_AWAITING_REVIEW,
    ),
    # Waiting time of the oldest part. A waiting part is not resolved, so this is the order of arrival.
    Index(
        F("product"),
        Coalesce("resolved_at", "received_at"),
        F("id"),
        name="inspection_queue",
        condition=_AWAITING_REVIEW,
    ),
    # Waiting parts not yet checked for near-duplicates.
    Index(
        fields=["product", "received_at"],
        name="inspection_unjudged",
        condition=Q(verdict="REVIEW", resolved_at__isnull=True, similarity__isnull=True),
    ),
    # Waiting near-duplicates, to be judged together.
    Index(
        fields=["duplicate_of"],
        name="inspection_repeats",
        condition=Q(verdict="REVIEW", resolved_at__isnull=True, duplicate_of__isnull=False),
    ),
    # Near-duplicates of a part: PostgreSQL checks the foreign key for each removed part.
    Index(fields=["duplicate_of"], name="inspection_repeated", condition=Q(duplicate_of__isnull=False)),
    # Recovery: parts that a crash left without a score.
    Index(fields=["lease_expires_at"], name="inspection_unscored", condition=Q(state="pending")),
    # Deferred scoring: parts that were answered before their scores, oldest first.
    Index(fields=["received_at"], name="inspection_deferred", condition=Q(scoring_deferred=True)),
    # Parts that a fast path passed, counted by the full graph's later answer.
    Index(
        fields=["fast_path", "full_graph_passes"],
        name="inspection_by_fast_path",
        condition=Q(fast_path__isnull=False),
    ),
    # Of these, the parts that the full graph would not have passed, newest first.
    Index(fields=["product", *_NEWEST_FIRST], name="inspection_leaked", condition=Q(full_graph_passes=False)),
]

_IMAGE_INDEXES = [
    # Parts of an image by its full hash: reference checks of files, and searches by people. The hash index stores
    # 4 of the 64 bytes and has no order.
    HashIndex(fields=["image_sha256"], name="inspection_by_image"),
]

INDEXES = [*_HISTORY_INDEXES, *_QUEUE_INDEXES, *_IMAGE_INDEXES]
