"""Deferred scoring: a worker scores parts that were answered before their scores.

Whoever answers such a part writes its verdict with ``scoring.ScoringOutcome(decision, version, deferred=True)``. The
mark ``scoring_deferred`` is on the row, so a worker finds it without a message; the lease's columns fence its work. The
verdict, its reasons and scores that the row has already never change. Only missing scores, maps and embedding are
added, by the version that served when the part was answered.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from django.db import Error as DatabaseTrouble
from django.db import transaction

from inspection.images import image_files
from inspection.models import Inspection, Product, ScoreMaps, Verdict
from inspection.models.inspection_constraints import SCORE_FIELDS
from inspection.products import products, queue_ranking
from inspection.scoring import part_embeddings, scoring, scoring_lease, screening
from inspection.scoring.scoring import ScoringOutcome
from mltasks.registry import fallback, scorers
from mltasks.storage.store_errors import StoreUnreachable

logger = logging.getLogger(__name__)

# Seconds of one run of the worker; the next run continues.
MAX_SECONDS = 60.0
KILLED_ERROR = f"The process that scored this part ended in each of {Inspection.MAX_ATTEMPTS} attempts."


def score_deferred_parts() -> int:
    """Score deferred parts, oldest first, for at most a minute; return how many are finished. Safe to run concurrently.

    A part that fails is tried again once its lease has expired. After MAX_ATTEMPTS it stays without scores and
    ``scoring_error`` has the reason. Raises ``django.db.Error``, and StoreUnreachable, which counts as no attempt.
    """
    finished, end = 0, time.monotonic() + MAX_SECONDS
    while time.monotonic() < end:
        deferred = Inspection.objects.deferred_unleased().select_related("model_version__model")
        part = scoring_lease.take_lease(deferred, "received_at")
        if part is None:
            break
        finished += _score_part(part)
    return finished


def _score_part(part: Inspection) -> bool:
    """Score one leased part. True if it is deferred no longer."""
    if part.attempt > Inspection.MAX_ATTEMPTS:
        return _give_up(part, KILLED_ERROR)
    try:
        with scoring_lease.renew_in_background(part):
            outcome = _compute_outcome(part)
    except DatabaseTrouble:
        raise
    except StoreUnreachable:
        # No fault of the part: its attempts must not run out while the bucket is away.
        scoring_lease.write(part, {"attempt": part.attempt - 1}, end=True)
        raise
    except Exception as error:
        # Any error of a model or a file must not stop the parts behind this one.
        logger.exception("Deferred scoring of %s failed, attempt %d.", part.pk, part.attempt)
        text = scoring.describe_failure(part, error)
        if part.attempt >= Inspection.MAX_ATTEMPTS:
            return _give_up(part, text)
        # The lease is kept: its end delays the next attempt.
        scoring_lease.write(part, {"scoring_error": text})
        return False
    return _write_scores(part, outcome)


def _compute_outcome(part: Inspection) -> ScoringOutcome:
    if part.model_version is None:
        raise ValueError("No version served when this part was answered.")
    serving = fallback.load_serving_version(part.model_version, scorers.get_batch_scorer)
    # The model's own verdict is that of the settings at the answer.
    product = products.settings_at(part.product, part.received_at)
    return scoring.score_image(part, product, serving, image_files.load_image(part, serving.scorer.input_size))


def _write_scores(part: Inspection, outcome: ScoringOutcome) -> bool:
    """Write the missing scores, the maps and the embedding in one transaction. False if the lease was lost."""
    with transaction.atomic():
        # Before the part, as every ranking locks: otherwise two transactions could wait for each other.
        product = queue_ranking.lock_product(part.product) if part.verdict == Verdict.REVIEW else None
        if not scoring_lease.write(part, _missing_fields(part, outcome), end=True):
            logger.warning("The lease of %s was lost; its deferred scores were not written.", part.pk)
            return False
        ScoreMaps.objects.bulk_create([ScoreMaps(inspection=part, packed=outcome.packed_maps)], ignore_conflicts=True)
        if outcome.embedding is not None:
            part_embeddings.add_embedding(part, outcome.embedding_space, outcome.embedding)
        if product is not None:
            _rank_again(product, part)
    return True


def _missing_fields(part: Inspection, outcome: ScoringOutcome) -> dict[str, Any]:
    fields = scoring.decision_fields(outcome)
    missing = {name: fields[name] for name in SCORE_FIELDS if getattr(part, name) is None}
    later = {"full_graph_passes": screening.full_graph_passes(part, outcome.version, outcome.scores)}
    return {**missing, **later, "model_version": outcome.version, "scoring_deferred": False}


def _rank_again(product: Product, part: Inspection) -> None:
    """Rank a waiting part by its scores: it was ranked by its arrival alone."""
    queue_ranking.save_sort_keys(product, queue_ranking.load_waiting_parts([part.pk]), ["queue_sort_key"])


def _give_up(part: Inspection, reason: str) -> bool:
    return scoring_lease.write(part, {"scoring_error": reason, "scoring_deferred": False}, end=True)
