"""A version comes from another plant: looked at from all sides, then put in place as a candidate, or nothing at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from mltasks import exporting, parcel, signing, strict_json, trusting, version_document, version_files, version_rows
from mltasks.leases import LeaseLost, RunLease, log_line
from mltasks.models import ImportedVersion, ModelVersion, RegisteredModel, TrainingRun
from mltasks.parcel import Signed
from mltasks.reporting import RunReporter, beating
from mltasks.scratch import scratch
from mltasks.signing import in_groups
from mltasks.version_document import VersionDocument
from mltasks.vision import bundle
from mltasks.vision.scorer import Scorer

# Seconds between the tries of a bucket that is away: a person waits.
PATIENCE = (1.0, 2.0)


class ImportRefused(ValueError):  # noqa: N818 - what happened, as the person reads it
    """The file is not what a trusted plant exported, or can't come in here. Nothing of it was kept."""


class _Arrival(NamedTuple):
    """A version that was looked at and holds."""

    signed: Signed
    says: VersionDocument
    plant: str
    public_key: str
    meta: Mapping[str, Any]


def import_version(model: RegisteredModel, file: BinaryIO, *, by: User | None) -> ModelVersion:
    """Bring the version in a seekable file into a model, as a candidate with its next number and its report as the
    other plant measured it. It scores once somebody promotes it.

    Doors check ``registry.PERMISSION`` first. Raises ImportRefused, in words for people, and StoreAway; after any
    error there is no row of it and no file.
    """
    with scratch(Path(settings.VERSIONS_DIR) / ".importing") as folder:
        arrival = _looked_at(model, file, folder / "whole")
        return _put_in_place(model, arrival, folder / "whole", by)


def _looked_at(model: RegisteredModel, file: BinaryIO, folder: Path) -> _Arrival:
    """Unpack the file's version into the folder, once its signature holds, and see that all fits and that it scores."""
    with _in_words(), parcel.opened(file) as packed:
        signed = parcel.read_signed(packed)
        plant, public_key = _signer(signed)
        says = version_document.read(signed.document)
        if signing.fingerprint(public_key) != says.fingerprint:
            raise ValueError(_("it was signed with another key than it says"))
        _refuse_twice(model, says)
        _refuse_too_large(says)
        parcel.unpack(packed, says.files, folder)
        bundle.verify(folder, says.sha256)
        meta = strict_json.read((folder / bundle.META).read_bytes())
        _refuse_other_report(folder, says)
    _refuse_unusable(folder, says)
    return _Arrival(signed, says, plant, public_key, meta)


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except ImportRefused:
        raise
    except (ValueError, bundle.BundleCorrupt) as error:
        said = _("This file can't be imported: {why}. Ask the other plant to export the version again.")
        raise ImportRefused(said.format(why=error)) from error


def _signer(signed: Signed) -> tuple[str, str]:
    found = trusting.signer(signed.document, signed.signature)
    if found is not None:
        return found
    key = signing.read_public_key(signed.key)
    if not signing.is_signed(signed.document, signed.signature, key):
        raise ValueError(_("its signature does not fit what it says, so it was changed on its way"))
    said = _(
        "This file was signed by a plant that is not trusted here, with the key {fingerprint}. Ask the plant that it "
        "comes from for its fingerprint, by telephone for example. Only if it is the same, have an admin trust that "
        "key (Trusted plants in the admin, or `trust_plant`), and import the file again."
    )
    raise ImportRefused(said.format(fingerprint=in_groups(signing.fingerprint(key))))


def _refuse_twice(model: RegisteredModel, says: VersionDocument) -> None:
    known = ModelVersion.objects.filter(model=model, sha256=says.sha256).first()
    if known is not None:
        raise ImportRefused(_("{version} is this very version: there is nothing to import.").format(version=known))


def _refuse_too_large(says: VersionDocument) -> None:
    size = sum(one.size for one in says.files.values())
    if size > settings.MAX_VERSION_BYTES:
        said = _("The version has {size} MB, and MAX_VERSION_BYTES allows {most} MB.")
        raise ImportRefused(said.format(size=_mb(size), most=_mb(settings.MAX_VERSION_BYTES)))
    free = shutil.disk_usage(settings.VERSIONS_DIR).free - settings.MIN_FREE_DISK_BYTES
    if size > free:
        said = _("The version needs {size} MB on this machine's disk, which has {free} MB left for it.")
        raise ImportRefused(said.format(size=_mb(size), free=_mb(max(0, free))))


def _refuse_other_report(folder: Path, says: VersionDocument) -> None:
    strict_json.read((folder / bundle.REPORT).read_bytes())
    if not exporting.report_holds(folder, says.evaluation):
        raise ValueError(_("its report is not the one in its files"))


def _refuse_unusable(folder: Path, says: VersionDocument) -> None:
    """It must score here, with this machine's libraries, before anybody may promote it."""
    try:
        scorer = Scorer.load(folder, expected_sha256=says.sha256, threads=settings.SCORING_THREADS)
        size = scorer.input_size
        (scores,) = scorer.score([np.full((size.height, size.width, 3), 128, np.uint8)])
        holds = bool(np.isfinite([scores.defect_probability, scores.novelty]).all())
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        said = _("The version is whole, but does not score here ({why}). Bring both plants up to date.")
        raise ImportRefused(said.format(why=f"{type(error).__name__}: {str(error)[:200]}")) from error
    if not holds:
        raise ImportRefused(_("The version is whole, but what it says of a grey image is no number."))


def _put_in_place(model: RegisteredModel, arrival: _Arrival, folder: Path, by: User | None) -> ModelVersion:
    """Give the directory its name and the version its rows. Its run comes first: by it the sweep knows what a process
    that is killed here leaves behind."""
    run, lease = _begin(model, arrival, by)
    try:
        with beating(RunReporter(lease)):
            bundle.put_in_place(folder, Path(settings.VERSIONS_DIR) / run.bundle_name, arrival.says.sha256)
            version_files.publish(run.bundle_name, PATIENCE)
        version = _record(run, lease, arrival, by)
    except BaseException:
        _forget(run, lease)
        raise
    run.refresh_from_db()
    return version


def _begin(model: RegisteredModel, arrival: _Arrival, by: User | None) -> tuple[TrainingRun, RunLease]:
    says = arrival.says
    words = f"{says.product} version {says.number} of {arrival.plant}, signed by {in_groups(says.fingerprint)}."
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


def _record(run: TrainingRun, lease: RunLease, arrival: _Arrival, by: User | None) -> ModelVersion:
    says = arrival.says
    with transaction.atomic():
        version = version_rows.add(run, sha256=says.sha256, meta=arrival.meta, report=says.evaluation)
        # Under the model's lock now: of two that come at once the second one sees the first.
        other = ModelVersion.objects.filter(model_id=run.model_id, sha256=says.sha256).exclude(pk=version.pk).first()
        if other is not None:
            raise ImportRefused(_("{version} is this very version: there is nothing to import.").format(version=other))
        ImportedVersion.objects.create(
            version=version,
            model_id=run.model_id,
            sha256=says.sha256,
            plant=arrival.plant,
            fingerprint=says.fingerprint,
            public_key=arrival.public_key,
            signature=arrival.signed.signature,
            document=arrival.signed.document.decode(),
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


def _forget(run: TrainingRun, lease: RunLease) -> None:
    """Remove what the import left. Files before the row: killed in between, the sweep finds them by it."""
    try:
        lease.finish(TrainingRun.State.FAILED, log="", stage=gettext_noop("Failed"))
    except LeaseLost:
        return  # it came to its end after all, or the sweep has it
    shutil.rmtree(Path(settings.VERSIONS_DIR) / run.bundle_name, ignore_errors=True)
    version_files.withdraw(run.bundle_name)
    TrainingRun.objects.filter(pk=run.pk).delete()


def _mb(size: int) -> str:
    return f"{size / 1e6:.0f}"
