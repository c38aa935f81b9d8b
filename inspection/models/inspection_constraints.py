"""Constraints of inspections: indexes, and the trigger that keeps decisions.

Verdicts are final: what the database refuses to change in a decided inspection.

The indexes of the inspections, each with its query: a page reads a page, however many rows there are.
"""

from __future__ import annotations

import pgtrigger
from django.contrib.postgres.indexes import HashIndex, OpClass
from django.db.models import F, Index, Q
from django.db.models.functions import Coalesce

from inspection.models.choices import Reason

# What never changes once a verdict was given.
DECISION_FIELDS = (
    "state",
    "verdict",
    "reasons",
    "label",
    "inclusion",
    "defect_probability",
    "reconstruction_error",
    "anomaly_threshold",
    "novel_defect_suspected",
    "novelty",
    "model_version",
)


def decision_changed() -> pgtrigger.Q:
    """An update that would change a decided inspection's verdict or the scores behind it."""
    changed = pgtrigger.Q()
    for name in DECISION_FIELDS:
        changed |= pgtrigger.Q(**{f"old__{name}__df": pgtrigger.F(f"new__{name}")})
    return pgtrigger.Q(old__state="decided") & changed


# A person said the opposite of the model's own label. Written out, so that the planner knows index and query as one.
MODEL_CONTRADICTED = Q(label="PASS", person_says="FAIL") | Q(label="FAIL", person_says="PASS")
# A person labeled the part and no lot locked it: the labels that versions learn from.
TRAINABLE = Q(person_says__isnull=False) & (Q(holdout=False) | Q(holdout__isnull=True))
_AWAITING_REVIEW = Q(verdict="REVIEW", settled_at__isnull=True)
_NEWEST_FIRST = ("-received_at", "-id")

_HISTORY_INDEXES = [
    # All parts, newest first: REST, the admin.
    Index(fields=[*_NEWEST_FIRST], name="inspection_newest"),
    # The history page: a product's parts, newest first, and by each of its filters.
    Index(fields=["product", "-received_at"], name="inspection_by_product"),
    Index(fields=["product", "verdict", *_NEWEST_FIRST], name="inspection_by_verdict"),
    # A value that is not there is no order to PostgreSQL, so parts without a verdict have an index of their own.
    Index(fields=["product", *_NEWEST_FIRST], name="inspection_no_verdict", condition=Q(verdict__isnull=True)),
    # Also the last part of each station, on the dashboard. In the place of the foreign key's own index.
    Index(fields=["station", *_NEWEST_FIRST], name="inspection_by_station"),
    Index(fields=["product", "source", *_NEWEST_FIRST], name="inspection_by_source", condition=~Q(source="station")),
    Index(
        fields=["product", "person_says", *_NEWEST_FIRST],
        name="inspection_by_person",
        condition=Q(person_says__isnull=False),
    ),
    Index(
        fields=["product", "verdict", "person_says", *_NEWEST_FIRST],
        name="inspection_by_both",
        condition=Q(person_says__isnull=False),
    ),
    Index(fields=["product", *_NEWEST_FIRST], name="inspection_against", condition=MODEL_CONTRADICTED),
    # Every page of the review and the dashboard counts them.
    Index(fields=["product"], name="inspection_teaches", condition=TRAINABLE),
    # What every version is measured on.
    Index(fields=["product"], name="inspection_holdout", condition=Q(holdout=True)),
    # Few parts have a rare reason: one index for each beats one for all, which has no order of time.
    *(
        Index(
            fields=["product", *_NEWEST_FIRST],
            name=f"inspection_why_{reason}",
            condition=Q(reasons__contains=[reason]),
        )
        for reason in Reason.values
    ),
    # A part id, and what part ids begin with: only this operator class finds that in every collation.
    Index(
        F("product"),
        OpClass("part_id", "varchar_pattern_ops"),
        name="inspection_by_part_id",
        condition=~Q(part_id=""),
    ),
]

_QUEUE_INDEXES = [
    # The review queue of a product, by place. No other index gives this order, so the planner is not tempted to
    # walk `inspection_newest` past all settled parts.
    Index(
        F("product"),
        Coalesce("queue_time", "received_at"),
        F("id"),
        name="inspection_queue_place",
        condition=_AWAITING_REVIEW,
    ),
    # How long the oldest has waited. A waiting part has no `settled_at`, so this is the order of arrival.
    Index(
        F("product"),
        Coalesce("settled_at", "received_at"),
        F("id"),
        name="inspection_queue",
        condition=_AWAITING_REVIEW,
    ),
    # Waiting parts that were not compared yet with what people see already.
    Index(
        fields=["product", "received_at"],
        name="inspection_unjudged",
        condition=Q(verdict="REVIEW", settled_at__isnull=True, likeness__isnull=True),
    ),
    # Near-identical parts that wait, to be judged together.
    Index(
        fields=["repeat_of"],
        name="inspection_repeats",
        condition=Q(verdict="REVIEW", settled_at__isnull=True, repeat_of__isnull=False),
    ),
    # Whether other parts repeat this one: asked by PostgreSQL of each part that is removed.
    Index(fields=["repeat_of"], name="inspection_repeated", condition=Q(repeat_of__isnull=False)),
    # The sweeper: parts that a crash left without a score.
    Index(fields=["lease_expires_at"], name="inspection_unscored", condition=Q(state="pending")),
]

_IMAGE_INDEXES = [
    # The parts of an image, by all of its hash: whether a file is named, parts that a person looks up. It keeps four
    # bytes of the 64, and has no order.
    HashIndex(fields=["image_sha256"], name="inspection_by_image"),
]

INDEXES = [*_HISTORY_INDEXES, *_QUEUE_INDEXES, *_IMAGE_INDEXES]
