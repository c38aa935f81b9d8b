"""Train: a run's row first, then the science, then one version, whole or not at all."""

from __future__ import annotations

import logging
import os
import shutil
import traceback
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max

from mltasks import hints
from mltasks.leases import LeaseLost, RunLease, RunNotAvailable, log_line
from mltasks.models import DatasetSnapshot, EvaluationReport, ModelVersion, RegisteredModel, TrainingRun
from mltasks.reporting import RunReporter, beating
from mltasks.snapshots import SnapshotDamaged, verified_samples
from mltasks.vision.types import Progress, ProgressCallback, TrainConfig, no_progress

if TYPE_CHECKING:
    from mltasks.vision.learn import Learned

logger = logging.getLogger(__name__)


def start(
    snapshot: DatasetSnapshot,
    config: TrainConfig,
    *,
    trigger: TrainingRun.Trigger,
    requested_by: User | None = None,
    night: date | None = None,
    hint: bool = True,
) -> TrainingRun:
    """Queue a run on a snapshot; a worker hears of it once the transaction commits.

    ``hint`` False leaves it to the caller, who executes the run at once. Raises IntegrityError when the model already
    has a run for that ``night``.
    """
    run = TrainingRun.objects.create(
        model=snapshot.model,
        snapshot=snapshot,
        config=config.to_json(),
        trigger=trigger,
        requested_by=requested_by,
        night=night,
        stage="Waiting for a worker",
        log=log_line(f"Queued on {snapshot}: {snapshot.good} good and {snapshot.defective} defective images."),
    )
    if hint:
        transaction.on_commit(lambda: hints.send(run.pk))
    return run


def retry(run: TrainingRun) -> None:
    """Queue a failed run again, with all its attempts. Raises RunNotAvailable unless it failed on a snapshot."""
    again: dict[str, Any] = {"attempt": 0, "finished_at": None, "hint_sent_at": None, "stage": "Waiting for a worker"}
    failed = TrainingRun.objects.filter(pk=run.pk, state=TrainingRun.State.FAILED, snapshot__isnull=False)
    if not failed.update(state=TrainingRun.State.QUEUED, **again):
        raise RunNotAvailable(f"Run {run.pk} can't be tried again: it did not fail, or it never had a snapshot.")
    transaction.on_commit(lambda: hints.send(run.pk))


def execute(
    run: TrainingRun, progress: ProgressCallback = no_progress, *, lease: RunLease | None = None
) -> ModelVersion:
    """Take the run, learn from its snapshot and make its version.

    A ``lease`` taken for this process by its supervisor is used as it is. Raises RunNotAvailable when another worker
    has the run, LeaseLost when it was taken away meanwhile (no version is left then), and whatever the training raised,
    after the run's row says so.
    """
    lease = lease or RunLease.take(run.pk)
    run.refresh_from_db()
    bundle_dir = Path(settings.VERSIONS_DIR) / run.bundle_name
    reporter = RunReporter(lease)
    try:
        with beating(reporter):
            learned = _learn(run, bundle_dir, _both(reporter, progress))
        return _finish(run, reporter, learned)
    except BaseException as error:
        # Also for Ctrl-C: the run must say that it was stopped. No row knows this directory.
        shutil.rmtree(bundle_dir, ignore_errors=True)
        if not isinstance(error, LeaseLost):
            _fail(lease, reporter, error)
        raise
    finally:
        run.refresh_from_db()


def _learn(run: TrainingRun, bundle_dir: Path, progress: ProgressCallback) -> Learned:
    if run.snapshot is None:
        raise ValueError("This run has no snapshot to learn from.")
    config = run.train_config()
    progress(Progress(0.0, "Reading the snapshot's images"))
    samples = verified_samples(run.snapshot)
    progress(Progress(0.0, "Loading the learning libraries"))
    # Read once, when torch loads: its threads sleep while they wait for one another. Spinning, as is their default,
    # takes the cores from the web process and halves the training's own speed on a machine that does both (measured).
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from mltasks.vision.learn import learn  # late: torch, which only a training process may load

    return learn(samples, config, bundle_dir, progress)


def _finish(run: TrainingRun, reporter: RunReporter, learned: Learned) -> ModelVersion:
    """The version's rows and the run's end, in one transaction."""
    with transaction.atomic():
        # The lock makes numbers consecutive however many runs end at once.
        RegisteredModel.objects.select_for_update().get(pk=run.model_id)
        last = ModelVersion.objects.filter(model_id=run.model_id).aggregate(Max("number"))["number__max"] or 0
        version = ModelVersion.objects.create(
            model_id=run.model_id,
            number=last + 1,
            run=run,
            bundle=run.bundle_name,
            sha256=learned.sha256,
            meta=learned.meta,
        )
        # The prediction of every image stays in the bundle's report.json; rows are read by lists of versions.
        evaluation = {name: value for name, value in learned.evaluation.to_json().items() if name != "predictions"}
        EvaluationReport.objects.create(
            version=version, protocol=evaluation["protocol"]["words"], evaluation=evaluation
        )
        said = reporter.unwritten()
        said["log"] += log_line(f"Made {version}.")
        reporter.lease.finish(TrainingRun.State.SUCCEEDED, progress=1.0, stage="Done", **said)
    return version


def _fail(lease: RunLease, reporter: RunReporter, error: BaseException) -> None:
    said = reporter.unwritten()
    said["log"] += "".join(traceback.format_exception(error))
    try:
        lease.finish(TrainingRun.State.FAILED, error=in_words(error), stage="Failed", **said)
    except LeaseLost:
        logger.warning("Run %s failed after it was taken away; its row belongs to somebody else.", lease.run_id)


def in_words(error: BaseException) -> str:
    """What a person reads of an error: its message where we wrote it, else its type and message."""
    if isinstance(error, KeyboardInterrupt):
        return "Stopped by a person."
    if isinstance(error, MemoryError):
        return "The machine has not enough memory for this training. Lower batch_size, height or width."
    if isinstance(error, ValueError | SnapshotDamaged) and str(error):
        return str(error)
    return f"{type(error).__name__}: {error}".rstrip(": ")


def _both(one: ProgressCallback, other: ProgressCallback) -> ProgressCallback:
    def report(step: Progress) -> None:
        one(step)
        other(step)

    return report
