"""Train: a run's row first, then the science, then one version, whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from mltasks.models import DatasetSnapshot, ModelVersion, TrainingRun, versions
from mltasks.runs import dispatch
from mltasks.runs.execution import calm_threads, carry_out
from mltasks.runs.lease import WAITING_STAGE, RunLease, RunNotAvailable, log_line, requeue_or_refuse
from mltasks.runs.run_reporter import RunReporter
from mltasks.snapshots.snapshots import samples_at_hand
from mltasks.storage import version_store
from mltasks.training import backbone_choice
from mltasks.vision.types import Progress, ProgressCallback, TrainConfig, no_progress

if TYPE_CHECKING:
    from mltasks.vision.export.learn import Learned


def start(
    snapshot: DatasetSnapshot,
    config: TrainConfig,
    *,
    trigger: TrainingRun.Trigger,
    requested_by: User | None = None,
    night: date | None = None,
    hint: bool = True,
    notes: Iterable[str] = (),
) -> TrainingRun:
    """Queue a run on a snapshot; a worker hears of it once the transaction commits.

    Where the config's backbone weights are ``auto`` and the model has taught a better backbone, the run's own config
    names its file and hash. ``hint`` False leaves it to the caller, who executes the run at once. ``notes`` on the data
    go to the run's log. Raises IntegrityError when the model already has a run for that ``night``.
    """
    run = TrainingRun.objects.create(
        model=snapshot.model,
        snapshot=snapshot,
        config=backbone_choice.resolve(snapshot.model, config).to_json(),
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
    if hint:
        dispatch.enqueue_on_commit(run)
    return run


def retry(run: TrainingRun) -> None:
    """Queue a failed run again, with all its attempts. Raises RunNotAvailable unless it failed on a snapshot."""
    said = _("Run {number} can't be tried again: it did not fail, or it never had a snapshot.").format(number=run.pk)
    if run.snapshot_id is None:
        raise RunNotAvailable(said)
    requeue_or_refuse(run, said)
    dispatch.enqueue_on_commit(run)


def execute(
    run: TrainingRun, progress: ProgressCallback = no_progress, *, lease: RunLease | None = None
) -> ModelVersion:
    """Take the run, learn from its snapshot and make its version.

    A ``lease`` taken for this process by its supervisor is used as it is. Raises RunNotAvailable when another worker
    has the run, LeaseLost when it was taken away meanwhile (no version is left then), and whatever the training raised,
    StoreAway among it, after the run's row says so.
    """
    return carry_out(
        run,
        lease,
        progress,
        lambda report: _learn(run, report),
        lambda reporter, learned: _finish(run, reporter, learned),
        lambda: _remove(run),
    )


def _bundle_dir(run: TrainingRun) -> Path:
    return Path(settings.VERSIONS_DIR) / run.bundle_name


def _remove(run: TrainingRun) -> None:
    shutil.rmtree(_bundle_dir(run), ignore_errors=True)
    version_store.withdraw(run.bundle_name)


def _learn(run: TrainingRun, progress: ProgressCallback) -> Learned:
    if run.snapshot is None:
        raise ValueError("This run has no snapshot to learn from.")
    config = backbone_choice.at_hand(run.train_config())
    progress(Progress(0.0, "Reading the snapshot's images"))
    with samples_at_hand(run.snapshot) as samples:
        progress(Progress(0.0, "Loading the learning libraries"))
        calm_threads()
        from mltasks.vision.export.learn import learn  # late: torch, which only a training process may load

        learned = learn(samples, config, _bundle_dir(run), progress)
    version_store.publish(run.bundle_name)
    return learned


def _finish(run: TrainingRun, reporter: RunReporter, learned: Learned) -> ModelVersion:
    """The version's rows and the run's end, in one transaction."""
    with transaction.atomic():
        version = versions.add(run, sha256=learned.sha256, meta=learned.meta, report=learned.report)
        reporter.finish(f"Made {version}.")
    return version
