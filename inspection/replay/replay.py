"""Replays: a candidate scores stored parts again and is compared with the champion.

The parts are chosen at the request. Scores are written in batches, once for each part and version, so the next attempt
continues after the last written batch of a killed attempt.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from inspection.models import Inspection, InspectionQuerySet, Product, Replay
from inspection.replay import replay_metrics, rescoring
from mltasks.models import ModelVersion
from mltasks.refusals import Refusal
from mltasks.registry import registry
from mltasks.runs import dispatch
from mltasks.runs.execution import Executor, Finish
from mltasks.runs.lease import WAITING_STAGE, log_line
from mltasks.vision.types import Progress, ProgressCallback

DEFAULT_DAYS, DEFAULT_MAX_PARTS = 30, 5000
MAX_DAYS, MAX_PARTS = 3650, 200_000


class ReplayRefused(Refusal):
    """Refusal of a replay: no parts, invalid limits, or a replay in progress."""


def start(
    candidate: ModelVersion,
    *,
    by: User | None = None,
    days: int = DEFAULT_DAYS,
    max_parts: int = DEFAULT_MAX_PARTS,
    scope: Replay.Scope = Replay.Scope.HISTORY,
    enqueue: bool = True,
) -> Replay:
    """Create a replay and queue it. Raises ReplayRefused with a text for people.

    The replay covers the newest ``max_parts`` decided parts of the last ``days``, labeled parts first, and the whole
    locked holdout. With ``enqueue`` False the caller executes the replay itself.
    """
    product = Product.objects.select_related("registered_model").get(registered_model=candidate.model_id)
    champion = registry.champion(candidate.model)
    if champion == candidate:
        champion = None
    if not (1 <= days <= MAX_DAYS and 1 <= max_parts <= MAX_PARTS):
        text = _("A replay covers 1 to {limit} parts of the last 1 to {days} days.")
        raise ReplayRefused(text.format(limit=MAX_PARTS, days=MAX_DAYS))
    parts = choose_parts(product, days, max_parts) if scope == Replay.Scope.HISTORY else [*_holdout_ids(product)]
    if not parts:
        raise ReplayRefused(
            _("There is no part to replay: the line sent none in these days, and none is locked. Choose more days.")
        )
    with transaction.atomic():
        # The row lock makes concurrent requests see each other's replay.
        ModelVersion.objects.select_for_update(no_key=True).get(pk=candidate.pk)
        if Replay.objects.unfinished().filter(candidate=candidate).exists():
            raise ReplayRefused(
                _("A replay of {version} is already in progress. Wait for it to finish.").format(version=candidate)
            )
        replay = Replay.objects.create(
            product=product,
            candidate=candidate,
            champion=champion,
            scope=scope,
            parts=parts,
            config={"days": days, "most": max_parts},
            requested_by=by,
            stage=WAITING_STAGE,
            log=log_line(f"Queued: {len(parts)} parts by {candidate}, compared with {champion or 'no champion'}."),
        )
        if enqueue:
            dispatch.enqueue_on_commit(replay)
    return replay


def retry(replay: Replay) -> None:
    """Queue a failed replay again and keep its scores. Raises RunNotAvailable unless it failed."""
    dispatch.requeue(replay, _("Only a failed replay can be retried. Start a new replay instead."))


class ReplayExecutor(Executor[Replay, replay_metrics.Figures, Replay]):
    """Executor of replays: scores parts with candidate and champion, and compares the two."""

    run_class = Replay

    def compute(self, run: Replay, progress: ProgressCallback) -> replay_metrics.Figures:
        """Score the unscored parts; a failure keeps all written scores. Raises BundleCorrupt."""
        versions = [run.candidate, *([run.champion] if run.champion else [])]
        unscored = [(version, rescoring.unscored_parts(version, run.parts)) for version in versions]
        total, attempted, unreadable = sum(len(keys) for _, keys in unscored), 0, 0
        stored = len(run.parts) * len(versions) - total
        progress(Progress(0.0, f"{total} scores to compute, {stored} stored: loading the versions"))
        for version, keys in unscored:
            for step in rescoring.score_parts(version, keys):
                attempted += step.attempted
                unreadable += step.unreadable
                progress(Progress(0.98 * attempted / total, f"Scoring by version {version.number}"))
        progress(Progress(0.98, "Comparing the versions"))
        return replay_metrics.compute(run, unread=unreadable)

    def record(self, run: Replay, computed: replay_metrics.Figures, finish: Finish) -> Replay:
        """Write the figures."""
        finish("Done.", figures=computed)
        return run

    def describe(self, result: Replay) -> str:
        """Return the number of compared parts."""
        return str(result.figures["parts"])


def choose_parts(product: Product, days: int, max_parts: int) -> list[UUID]:
    """Return the ids of the parts of a replay of history, each once."""
    newest = _decided_parts(product, days).order_by("-received_at", "-id").values_list("pk", flat=True)
    labeled = list(newest.filter(human_verdict__isnull=False)[:max_parts])
    others = newest.filter(human_verdict__isnull=True)[: max_parts - len(labeled)]
    return list(dict.fromkeys([*labeled, *others, *_holdout_ids(product)]))


def has_parts_to_replay(product: Product) -> bool:
    """Return True if a replay of history would find a part."""
    return _decided_parts(product, DEFAULT_DAYS).exists() or locked_holdout(product).exists()


def _decided_parts(product: Product, days: int) -> InspectionQuerySet:
    since = timezone.now() - timedelta(days=days)
    return Inspection.objects.filter(product=product, state=Inspection.State.DECIDED, received_at__gte=since)


def _holdout_ids(product: Product) -> Iterator[UUID]:
    yield from locked_holdout(product).order_by("-received_at", "-id").values_list("pk", flat=True)


def locked_holdout(product: Product) -> InspectionQuerySet:
    """Return the labeled parts on which no version trains."""
    return Inspection.objects.filter(product=product, holdout=True, human_verdict__isnull=False)


def holdout_replays(product: Product) -> list[Replay]:
    """Return each version's newest replay with metrics of the locked holdout, the newest version first.

    Parts that a version was trained on before they were locked do not count for it, so the part counts differ.
    """
    finished = Replay.objects.filter(product=product, state=Replay.State.SUCCEEDED).without_large_fields()
    newest = finished.order_by("candidate_id", "-finished_at").distinct("candidate_id")
    measured = [row for row in newest.select_related("candidate__model") if row.figures["holdout"]["candidate"]]
    return sorted(measured, key=lambda row: -row.candidate.number)


def latest_replay(candidate: ModelVersion, champion: ModelVersion | None) -> Replay | None:
    """Return the newest finished replay of history that compares with this champion."""
    replays = Replay.objects.beside_champion(champion.pk if champion else None).filter(candidate=candidate)
    return replays.without_large_fields().order_by("-finished_at").first()
