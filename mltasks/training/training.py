"""Training of a version: queue the run, train, record the version or nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from mltasks.models import DatasetSnapshot, ModelVersion, TrainingRun, versions
from mltasks.runs import dispatch
from mltasks.runs.execution import Executor, Finish, use_passive_omp_waits
from mltasks.runs.lease import WAITING_STAGE, RunNotAvailable, log_line
from mltasks.snapshots.snapshots import local_samples
from mltasks.storage import version_store
from mltasks.training import backbone_choice
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.types import Progress, ProgressCallback

if TYPE_CHECKING:
    from mltasks.vision.export.learn import LearnedVersion


def start(
    snapshot: DatasetSnapshot,
    config: TrainConfig,
    *,
    trigger: TrainingRun.Trigger,
    requested_by: User | None = None,
    night: date | None = None,
    enqueue: bool = True,
    notes: Iterable[str] = (),
) -> TrainingRun:
    """Queue a training run on a snapshot; dispatch it once the transaction commits.

    If the backbone weights are ``auto`` and the model has an adopted backbone, the run's config names its file and
    hash. With ``enqueue`` False the caller executes the run at once. ``notes`` on the data go to the run's log. Raises
    IntegrityError if the model already has a run for that ``night``.
    """
    run = TrainingRun.objects.create(
        model=snapshot.model,
        snapshot=snapshot,
        config=backbone_choice.resolve_auto_weights(snapshot.model, config).to_json(),
        trigger=trigger,
        requested_by=requested_by,
        night=night,
        stage=WAITING_STAGE,
        log="".join(
            log_line(line)
            for line in (
                f"Queued on {snapshot}: {snapshot.good} good and {snapshot.defective} defective images.",
                *notes,
            )
        ),
    )
    if enqueue:
        dispatch.enqueue_on_commit(run)
    return run


def retry(run: TrainingRun) -> None:
    """Queue a failed run again, with all its attempts.

    Raises RunNotAvailable unless the run failed and has a snapshot.
    """
    refusal = _("Run {number} cannot be retried: it did not fail, or it has no snapshot.").format(number=run.pk)
    if run.snapshot_id is None:
        raise RunNotAvailable(refusal)
    dispatch.requeue(run, refusal)


class TrainingExecutor(Executor[TrainingRun, "LearnedVersion", ModelVersion]):
    """Executor that trains a version on the run's snapshot."""

    run_class = TrainingRun

    def compute(self, run: TrainingRun, progress: ProgressCallback) -> LearnedVersion:
        """Train, and publish the bundle. Raises StoreUnreachable among others."""
        if run.snapshot is None:
            raise ValueError("This run has no snapshot to train on.")
        config = backbone_choice.with_local_weights(run.train_config())
        progress(Progress(0.0, "Reading the snapshot's images"))
        with local_samples(run.snapshot) as samples:
            progress(Progress(0.0, "Loading the training libraries"))
            use_passive_omp_waits()
            from mltasks.vision.export.learn import learn  # late: only a training process may load torch

            trained = learn(samples, config, Path(settings.VERSIONS_DIR) / run.bundle_name, progress)
        version_store.publish(run.bundle_name)
        return trained

    def record(self, run: TrainingRun, computed: LearnedVersion, finish: Finish) -> ModelVersion:
        """Write the version's rows."""
        version = versions.record_version(run, sha256=computed.sha256, meta=computed.meta, report=computed.report)
        finish(f"Made {version}.")
        return version

    def describe(self, result: ModelVersion) -> str:
        """Return the version's number."""
        return str(result.number)

    def discard(self, run: TrainingRun) -> None:
        """Remove the bundle."""
        version_store.remove(run.bundle_name)
