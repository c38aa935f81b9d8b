"""Import of a version from another plant: validated, then installed as a candidate."""

from __future__ import annotations

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

# Seconds between the tries while a bucket is unreachable: a person waits.
RETRY_PAUSES = (1.0, 2.0)


def import_version(model: RegisteredModel, file: BinaryIO, *, by: User | None) -> ModelVersion:
    """Import the version in a seekable file as a candidate with the model's next number.

    Its report has the exporting plant's figures; the version scores once a person promotes it. Callers check
    ``registry.PROMOTE_PERMISSION`` first. Raises ImportRefused and StoreUnreachable; after any error no row and no
    file remains.
    """
    with scratch_folder(Path(settings.VERSIONS_DIR) / ".importing") as folder:
        validated = validate(model, file, folder / "whole")
        return _install(model, validated, folder / "whole", by)


def _install(model: RegisteredModel, validated: ValidatedImport, folder: Path, by: User | None) -> ModelVersion:
    """Install the directory and write the version's rows.

    The run's row is written first: from it the recovery knows which files a killed process leaves behind.
    """
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
    document = validated.document
    origin = f"{document.product} version {document.number} of {validated.plant}"
    with transaction.atomic():  # so that no worker takes the queued run
        run = TrainingRun.objects.create(
            model=model,
            trigger=TrainingRun.Trigger.IMPORTED,
            config=document.config,
            requested_by=by,
            log=log_line(f"Importing {origin}, signed by {format_fingerprint(document.fingerprint)}."),
        )
        lease = RunLease.take(run.pk)
    run.refresh_from_db()
    return run, lease


def _record(run: TrainingRun, lease: RunLease, validated: ValidatedImport, by: User | None) -> ModelVersion:
    document = validated.document
    with transaction.atomic():
        version = versions.record_version(run, sha256=document.sha256, meta=validated.meta, report=document.evaluation)
        # The model's row is locked now: of two simultaneous imports the second one sees the first.
        refuse_duplicate(run.model_id, document.sha256, excluding=version)
        ImportedVersion.objects.create(
            version=version,
            model_id=run.model_id,
            sha256=document.sha256,
            plant=validated.plant,
            fingerprint=document.fingerprint,
            public_key=validated.public_key,
            signature=validated.header.signature,
            document=validated.header.document_bytes.decode(),
            product=document.product,
            number=document.number,
            good=document.snapshot.good if document.snapshot else None,
            defective=document.snapshot.defective if document.snapshot else None,
            imported_by=by,
        )
        RunReporter(lease).finish(f"Made {version}.")
    return version


def _discard(run: TrainingRun, lease: RunLease) -> None:
    """Remove what the import left.

    The row is deleted last: if the process is killed in between, the recovery finds the files by the row.
    """
    try:
        lease.finish(TrainingRun.State.FAILED, log="", stage=gettext_noop("Failed"))
    except LeaseLost:
        return  # it finished after all, or the recovery released it
    version_store.remove(run.bundle_name)
    TrainingRun.objects.filter(pk=run.pk).delete()
