"""A version comes from another plant: looked at from all sides, then put in place as a candidate, or nothing at all."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext_noop

from mltasks.exchange.import_validation import ImportRefused as ImportRefused
from mltasks.exchange.import_validation import ValidatedImport, refuse_duplicate, validate
from mltasks.models import ImportedVersion, ModelVersion, RegisteredModel, TrainingRun, versions
from mltasks.models.trusted_plants import format_fingerprint
from mltasks.runs.lease import LeaseLost, RunLease, log_line
from mltasks.runs.run_reporter import RunReporter, keep_lease_alive
from mltasks.storage import version_store
from mltasks.storage.scratch_folders import scratch_folder
from mltasks.vision.serving import bundle

# Seconds between the tries of a bucket that is away: a person waits.
RETRY_PAUSES = (1.0, 2.0)


def import_version(model: RegisteredModel, file: BinaryIO, *, by: User | None) -> ModelVersion:
    """Bring the version in a seekable file into a model, as a candidate with its next number and its report as the
    other plant measured it. It scores once somebody promotes it.

    Doors check ``registry.PERMISSION`` first. Raises ImportRefused, in words for people, and StoreAway; after any
    error there is no row of it and no file.
    """
    with scratch_folder(Path(settings.VERSIONS_DIR) / ".importing") as folder:
        arrival = validate(model, file, folder / "whole")
        return _install(model, arrival, folder / "whole", by)


def _install(model: RegisteredModel, validated: ValidatedImport, folder: Path, by: User | None) -> ModelVersion:
    """Give the directory its name and the version its rows. Its run comes first: by it the sweep knows what a process
    that is killed here leaves behind."""
    run, lease = _begin_run(model, validated, by)
    try:
        with keep_lease_alive(RunReporter(lease)):
            bundle.install_atomic(folder, Path(settings.VERSIONS_DIR) / run.bundle_name, validated.document.sha256)
            version_store.publish(run.bundle_name, RETRY_PAUSES)
        version = _record(run, lease, validated, by)
    except BaseException:
        _discard(run, lease)
        raise
    run.refresh_from_db()
    return version


def _begin_run(model: RegisteredModel, validated: ValidatedImport, by: User | None) -> tuple[TrainingRun, RunLease]:
    says = validated.document
    words = (
        f"{says.product} version {says.number} of {validated.plant}, signed by {format_fingerprint(says.fingerprint)}."
    )
    with transaction.atomic():  # so that no worker sees it wait
        run = TrainingRun.objects.create(
            model=model,
            trigger=TrainingRun.Trigger.IMPORTED,
            config=says.config,
            requested_by=by,
            log=log_line(words),
        )
        lease = RunLease.take(run.pk)
    run.refresh_from_db()
    return run, lease


def _record(run: TrainingRun, lease: RunLease, validated: ValidatedImport, by: User | None) -> ModelVersion:
    says = validated.document
    with transaction.atomic():
        version = versions.record_version(run, sha256=says.sha256, meta=validated.meta, report=says.evaluation)
        # Under the model's lock now: of two that come at once the second one sees the first.
        refuse_duplicate(run.model_id, says.sha256, excluding=version)
        ImportedVersion.objects.create(
            version=version,
            model_id=run.model_id,
            sha256=says.sha256,
            plant=validated.plant,
            fingerprint=says.fingerprint,
            public_key=validated.public_key,
            signature=validated.header.signature,
            document=validated.header.document_bytes.decode(),
            product=says.product,
            number=says.number,
            good=says.snapshot.good if says.snapshot else None,
            defective=says.snapshot.defective if says.snapshot else None,
            imported_by=by,
        )
        lease.finish(
            TrainingRun.State.SUCCEEDED, log=log_line(f"Made {version}."), progress=1.0, stage=gettext_noop("Done")
        )
    return version


def _discard(run: TrainingRun, lease: RunLease) -> None:
    """Remove what the import left. Files before the row: killed in between, the sweep finds them by it."""
    try:
        lease.finish(TrainingRun.State.FAILED, log="", stage=gettext_noop("Failed"))
    except LeaseLost:
        return  # it came to its end after all, or the sweep has it
    shutil.rmtree(Path(settings.VERSIONS_DIR) / run.bundle_name, ignore_errors=True)
    version_store.unpublish(run.bundle_name)
    TrainingRun.objects.filter(pk=run.pk).delete()
