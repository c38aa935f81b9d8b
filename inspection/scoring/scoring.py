"""Scoring of a stored image; only the lease's holder writes the verdict, in one update."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np
from django.db import Error as DatabaseTrouble
from django.utils import timezone
from numpy.typing import NDArray

from inspection.images import image_files
from inspection.models import Inspection, Product, Reason, Verdict
from inspection.products import products, queue_ranking, routing
from inspection.products.bands import routing_policy
from inspection.products.routing import Decision
from inspection.scoring import deadlines, scoring_lease, screening, verdict_record
from inspection.scoring.request_timing import DATABASE, DECODE, SCORE, step
from inspection.scoring.screening import Screened
from mltasks.models import ModelVersion
from mltasks.registry import fallback, registry
from mltasks.registry.deadline_queue import SlotRequest, SlotTooLate
from mltasks.registry.fallback import ServingVersion
from mltasks.vision.data import decoding
from mltasks.vision.serving import heatmaps
from mltasks.vision.serving.bundle import BundleCorrupt
from mltasks.vision.types import InputSize, Scores

logger = logging.getLogger(__name__)

MAX_ERROR_LENGTH = 2000
# Size for which a part is decoded while no version scores
UNSCORED_SIZE = InputSize(decoding.THUMBNAIL_SIDE, decoding.THUMBNAIL_SIDE)


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """Image that intake decoded for the serving version, with the time of arrival.

    ``arrived`` is ``time.perf_counter``. ``serving`` is None without a champion; else ``pixels`` are the region at the
    version's input size. If ``loading_failed``, ``score`` tries to load the champion again. ``slot_request`` says how
    long the part may wait to be scored.
    """

    loaded: decoding.LoadedImage
    serving: ServingVersion | None
    arrived: float
    pixels: NDArray[np.uint8] | None = None
    loading_failed: bool = False
    slot_request: SlotRequest = field(default_factory=SlotRequest)


@dataclass(frozen=True, slots=True)
class ScoringOutcome:
    """Result of scoring one part.

    ``embedding`` is a vector in ``embedding_space``, or None for versions without embeddings. If ``deferred``, the
    decision came before the scores: ``deferred_scoring`` computes those that are missing, with ``version``.
    ``screened`` is set if the fast path passed the part.
    """

    decision: Decision
    version: ModelVersion | None = None
    scores: Scores | None = None
    packed_maps: bytes = b""
    embedding: NDArray[np.float32] | None = None
    embedding_space: str = ""
    deferred: bool = False
    screened: Screened | None = None


def score(inspection: Inspection, decoded: DecodedImage | None = None) -> Inspection:
    """Score a leased part and write its verdict; after MAX_ATTEMPTS route it to review.

    The reason is then ``scoring_failed``. After a lost lease nothing is written and the row is returned as stored,
    possibly still pending. Raises ``django.db.Error`` if the database is unreachable: the part stays pending for
    `recover_scoring`.
    """
    while inspection.attempt <= Inspection.MAX_ATTEMPTS:
        try:
            with scoring_lease.renew_in_background(inspection):
                outcome = _compute_outcome(inspection, decoded)
        except DatabaseTrouble:
            raise
        except Exception as error:
            # Any error of a model or a file must still lead to a review of the part.
            logger.exception("Scoring %s failed, attempt %d.", inspection.pk, inspection.attempt)
            if not _record_failure(inspection, error):
                inspection.refresh_from_db()
                return inspection
        else:
            return write_verdict(inspection, outcome, decoded)
    return write_verdict(inspection, ScoringOutcome(routing.SCORING_FAILED), decoded)


def fast_pass_fields(product: Product, key: UUID, decoded: DecodedImage) -> dict[str, Any] | None:
    """Return the values of a new row that the fast path passes; None if the full graph has to answer.

    ``key`` is that of the row. A row that is stored with its verdict needs no lease, and one sync to disk instead of
    two. A row without a verdict may have been answered by the full graph alone: its recovery asks no fast path.
    """
    if decoded.serving is None or decoded.pixels is None:
        return None
    version = decoded.serving.version
    try:
        with step(SCORE):
            screened = screening.try_fast_path(
                product, key, version, decoded.loaded, decoded.pixels, decoded.slot_request
            )
    except DatabaseTrouble:
        raise
    except SlotTooLate:
        # ``score`` finds it too late as well, and answers without scores.
        return None
    except Exception:
        # The part is not stored yet: an error of the fast path must not lose it.
        logger.exception("The fast path failed; the full graph answers.")
        return None
    if screened is None:
        return None
    decision = routing.fast_pass(product.audit_share)
    outcome = ScoringOutcome(decision, version, deferred=True, screened=screened)
    return _verdict_fields(outcome, attempt=0, latency_ms=_milliseconds_since(decoded.arrived))


def try_load_serving_version(product: Product) -> tuple[ServingVersion | None, bool]:
    """Load the version that scores, and return True as second value if loading failed.

    Intake loads it first to decode the image once, for this version. Raises ``django.db.Error`` if the database is
    unreachable.
    """
    try:
        return _load_serving_version(product), False
    except DatabaseTrouble:
        raise
    except Exception:
        # Scoring gets the same error and records it.
        logger.debug("Could not load the champion of %s.", product, exc_info=True)
        return None, True


def _load_serving_version(product: Product) -> ServingVersion | None:
    with step(DATABASE):
        champion = registry.scoring_champion(product.registered_model)
    if champion is None:
        return None
    with step(SCORE):  # loads the version once per process
        return fallback.load_serving_version(champion)


def _reload_serving_version(inspection: Inspection) -> ServingVersion | None:
    """Load the version that intake chose, or the one that scores now if those files are damaged."""
    if inspection.model_version is not None:
        try:
            return fallback.load_version(inspection.model_version)
        except BundleCorrupt:
            logger.warning("%s cannot score %s again.", inspection.model_version, inspection.pk)
    return _load_serving_version(inspection.product)


def _compute_outcome(inspection: Inspection, decoded: DecodedImage | None) -> ScoringOutcome:
    product = inspection.product
    if decoded is None:
        # The part may have been answered before a crash, so the same version and settings decide it again.
        product = products.settings_at(product, inspection.received_at)
        serving = _reload_serving_version(inspection)
    else:
        serving = _load_serving_version(product) if decoded.loading_failed else decoded.serving
    if serving is None:
        with step(DECODE):
            loaded = decoded.loaded if decoded else image_files.load_image(inspection, UNSCORED_SIZE)
        return ScoringOutcome(routing.no_model(damaged=bool(loaded.damage)))
    with step(DECODE):
        known = decoded if decoded and decoded.serving else None
        loaded = known.loaded if known else image_files.load_image(inspection, serving.scorer.input_size)
    slot = decoded.slot_request if decoded else None
    try:
        return score_image(inspection, product, serving, loaded, slot, known.pixels if known else None)
    except SlotTooLate:
        return ScoringOutcome(routing.no_time(damaged=bool(loaded.damage)), serving.version, deferred=True)


def score_image(
    inspection: Inspection,
    product: Product,
    serving: ServingVersion,
    loaded: decoding.LoadedImage,
    slot: SlotRequest | None = None,
    pixels: NDArray[np.uint8] | None = None,
) -> ScoringOutcome:
    """Score a part's decoded image by the full graph and decide by the settings of ``product``; nothing is written.

    ``pixels`` are the image at the version's input size, if the caller has them. Raises SlotTooLate if the ``slot``
    gives up.
    """
    version, scorer = serving
    # The bands of the version that scores, which may be a fallback version.
    policy = routing_policy(product, version)
    size = scorer.input_size
    if pixels is None:
        with step(DECODE):
            pixels = loaded.to_array(size)
    with step(SCORE):
        scores, maps, embedding = scorer.predict(pixels, slot)
        packed = heatmaps.encode_heatmaps(maps, loaded.placement(size), size)
    audit_value = routing.audit_sample_value(inspection.pk)
    decision = routing.decide(scores, policy, audit_value=audit_value, damaged=bool(loaded.damage))
    return ScoringOutcome(decision, version, scores, packed, embedding, scorer.embedding_space)


def write_verdict(inspection: Inspection, outcome: ScoringOutcome, decoded: DecodedImage | None) -> Inspection:
    """Write the verdict of a leased part; after a lost lease, only reload the part."""
    # Deferred scoring has attempts of its own.
    attempt = 0 if outcome.deferred else min(inspection.attempt, Inspection.MAX_ATTEMPTS)
    fields = _verdict_fields(outcome, attempt, _latency_ms(inspection, decoded))
    with step(DATABASE):
        if outcome.decision.verdict == Verdict.REVIEW:
            order = queue_ranking.QueuePriority(inspection.product)
            audit = Reason.AUDIT_SAMPLE in outcome.decision.reasons
            fields["queue_sort_key"] = order.initial_sort_key(inspection, outcome.version, outcome.scores, audit=audit)
        written = verdict_record.write_verdict(
            inspection, fields, maps=outcome.packed_maps, embedding=outcome.embedding, space=outcome.embedding_space
        )
    if decoded is not None:
        deadlines.record_scoring(decoded.slot_request)
    if not written:
        logger.warning("The lease of %s was lost; its verdict was not written.", inspection.pk)
        inspection.refresh_from_db()
    return inspection


def _verdict_fields(outcome: ScoringOutcome, attempt: int, latency_ms: float) -> dict[str, Any]:
    now = timezone.now()
    return {**decision_fields(outcome), "attempt": attempt, "decided_at": now, "latency_ms": latency_ms}


def decision_fields(outcome: ScoringOutcome) -> dict[str, Any]:
    """Return the row's values of a decision and its scores."""
    scores = outcome.scores
    return {
        "state": Inspection.State.DECIDED,
        "verdict": outcome.decision.verdict,
        "reasons": list(outcome.decision.reasons),
        "model_verdict": outcome.decision.model_verdict,
        "inclusion_probability": outcome.decision.inclusion_probability,
        "defect_probability": scores and scores.defect_probability,
        "reconstruction_error": scores and scores.reconstruction_error,
        "anomaly_threshold": scores and scores.anomaly_threshold,
        "novel_defect_suspected": scores and scores.novel_defect_suspected,
        "novelty": scores and scores.novelty,
        "model_version": outcome.version,
        "scoring_deferred": outcome.deferred,
        "fast_path": outcome.screened and outcome.screened.fast_path,
        "screening_logit": outcome.screened and outcome.screened.logit,
    }


def _milliseconds_since(arrived: float) -> float:
    return (time.perf_counter() - arrived) * 1000


def _latency_ms(inspection: Inspection, decoded: DecodedImage | None) -> float:
    if decoded is not None:
        return _milliseconds_since(decoded.arrived)
    return (timezone.now() - inspection.received_at).total_seconds() * 1000


def _record_failure(inspection: Inspection, error: Exception) -> bool:
    """Record why an attempt failed and begin the next one. False if the lease is lost."""
    text = describe_failure(inspection, error)
    return scoring_lease.write(inspection, {"scoring_error": text, "attempt": inspection.attempt + 1})


def describe_failure(inspection: Inspection, error: Exception) -> str:
    """Return the text of a failed attempt, as the row stores it."""
    return f"Attempt {inspection.attempt}: {type(error).__name__}: {error}".replace("\0", "")[:MAX_ERROR_LENGTH]
