"""Import of a labeled folder as inspections with labels, each file once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from django.contrib.auth.models import User
from django.db import transaction

from inspection.images import image_files, mask_files
from inspection.intake import image_import
from inspection.intake.submission import Submission
from inspection.models import Inspection, Product, Verdict
from inspection.refusals import DiskFull, StoreUnavailable
from labeling.datasets import holdout
from labeling.folder_import import earlier_labels, folder_bit_depth
from labeling.folder_import.earlier_labels import EarlierLabels, NamedVerdict
from labeling.folder_import.folder_masks import FolderMasks
from labeling.folder_import.image_folders import FolderListing, FolderNames, ImportEntry, RefusedPath, read_folder
from labeling.folder_import.import_summary import LABELED_OTHERWISE, ImportSummary
from labeling.models import DefectType, Label
from labeling.review import review
from mltasks.refusals import Refusal
from mltasks.text.file_names import readable_filename
from mltasks.vision.data.image_header import ImageError

ImportProgress = Callable[[int, int], None]
# Files committed together: a commit waits for the disk, and an interrupted import loses at most one batch.
BATCH_SIZE = 32


class Unreadable(Refusal):
    """File that this program's user can't open."""

    code = "unreadable"


def list_folder(product: Product, folder: Path, names: FolderNames) -> FolderListing:
    """List the folder, given the product's defect types. Raises NotAnImageFolder."""
    types = list(product.defect_types.values_list("name", flat=True))
    return read_folder(folder, replace(names, types=types))


def import_images(product: Product, folder: Path) -> ImportSummary:
    """List and import a folder. Raises NotAnImageFolder, and as ``import_listing``."""
    return import_listing(product, list_folder(product, folder, FolderNames()))


def import_listing(
    product: Product,
    listing: FolderListing,
    *,
    overrule: str = "",
    masks: FolderMasks | None = None,
    reviewer: User | None = None,
    progress: ImportProgress | None = None,
) -> ImportSummary:
    """Import the listed files with their ``masks``; ``progress`` gets the files done and their total.

    A part and its label are committed together, and known files are passed over: run an interrupted import again.
    ``refused`` gets files that can't be imported, and files that a person labeled otherwise, unless ``overrule`` gives
    a reason. Raises DiskFull and StoreUnavailable.
    """
    depth = folder_bit_depth.determine_bit_depth(entry.path for entry in listing.entries)
    summary = ImportSummary(refused=listing.refused, left_out=listing.left_out, bit_depth=depth)
    job = _ImportJob(product, reviewer, overrule, masks or FolderMasks(), summary)
    total = len(listing.entries) + len(listing.refused)

    def report_progress() -> None:
        if progress:
            progress(summary.files_done, total)

    for start in range(0, len(listing.entries), BATCH_SIZE):
        _import_batch(_ImportBatch(job), listing.entries[start : start + BATCH_SIZE], report_progress)
    return summary


def get_or_create_type(product: Product, name: str) -> DefectType:
    """Return the product's defect type of this name, or the type it was merged into.

    A new type gets the next free key. Hold the product's lock.
    """
    taken = set(product.defect_types.values_list("key", flat=True))
    free = next((key for key in "123456789" if key not in taken), "")
    return DefectType.objects.get_or_create(product=product, name=name, defaults={"key": free})[0].current


@dataclass(slots=True)
class _ImportJob:
    """Import of one folder, with the verdicts of its own class folders by sha256."""

    product: Product
    reviewer: User | None
    overrule: str
    masks: FolderMasks
    summary: ImportSummary
    folder_verdicts: dict[str, NamedVerdict] = field(default_factory=dict)


@dataclass(slots=True)
class _ImportBatch:
    """State of one transaction.

    ``earlier`` are the images' labels, by sha256; ``types`` are the product's current types, by each of their names.
    """

    job: _ImportJob
    earlier: dict[str, EarlierLabels] = field(default_factory=dict)
    types: dict[str, DefectType] = field(default_factory=dict)
    labels: list[Label] = field(default_factory=list)

    def get_type(self, name: str) -> DefectType | None:
        """Return the defect type of this name, created if it is new; None for no name."""
        if name and name not in self.types:
            self.types[name] = get_or_create_type(self.job.product, name)
        return self.types.get(name)


def _import_batch(batch: _ImportBatch, entries: Sequence[ImportEntry], report_progress: Callable[[], None]) -> None:
    product, refused = batch.job.product, batch.job.summary.refused
    hashed = list(_hash_entries(batch, entries))
    with transaction.atomic():
        # Serialize imports of one product by batch, so that they never deadlock.
        Product.objects.select_for_update(no_key=True).get(pk=product.pk)
        kinds = product.defect_types.select_related("merged_into")
        batch.types = {kind.name: kind.current for kind in kinds}
        batch.earlier = earlier_labels.load_locked_labels(product, [sha256 for _, sha256 in hashed])
        for entry, sha256 in hashed:
            try:
                _import_entry(batch, entry, sha256)
            except (DiskFull, StoreUnavailable):
                raise
            except (ImageError, Refusal) as error:
                refused.append(RefusedPath(entry.name, error.code, error.detail))
            report_progress()
        Label.objects.bulk_create(batch.labels)
        holdout.assign_holdout(product, [label.inspection for label in batch.labels])


def _open_image(entry: ImportEntry) -> BinaryIO:
    try:
        return entry.path.open("rb")
    except OSError as error:
        raise Unreadable(error.strerror or str(error)) from error


def _hash_entries(batch: _ImportBatch, entries: Iterable[ImportEntry]) -> Iterable[tuple[ImportEntry, str]]:
    for entry in entries:
        try:
            with _open_image(entry) as image:
                yield entry, image_files.stream_sha256(image)
        except (Unreadable, OSError) as error:
            batch.job.summary.refused.append(RefusedPath(entry.name, Unreadable.code, str(error)))


def _import_entry(batch: _ImportBatch, entry: ImportEntry, sha256: str) -> None:
    """Import one file: store it, pass it over as known, overrule its labels, or refuse it."""
    job = batch.job
    kind = batch.types.get(entry.defect_type)
    pair = (Verdict.PASS.value if entry.good else Verdict.FAIL.value, kind.name if kind else entry.defect_type)
    earlier = batch.earlier.get(sha256, EarlierLabels())
    if job.folder_verdicts.get(sha256, pair) != pair:
        _refuse_entry(job, entry, earlier_labels.describe_earlier_import(job.folder_verdicts[sha256], entry.folder))
        return
    if sha256 in job.folder_verdicts:
        job.summary.already_imported += 1
    elif (
        earlier.imported_label and earlier_labels.named_verdict_of(earlier.imported_label) == pair and not job.overrule
    ):
        _add_mask(batch, entry, earlier)
        job.summary.already_imported += 1
    elif earlier.human_label is None and earlier.imported_label is None and not earlier.disputed:
        mask = job.masks.read(entry)
        part = _store_part(batch, entry)
        batch.labels.append(_make_label(batch, part, pair, mask))
        job.summary.imported += 1
        _count_label(job.summary, pair)
    elif earlier.allows(pair):
        _add_mask(batch, entry, earlier)
        job.summary.already_imported += 1
    elif job.overrule:
        _overrule_labels(batch, earlier, pair, job.masks.read(entry))
    else:
        _refuse_entry(job, entry, earlier.describe_conflict(entry.folder))
        return
    job.folder_verdicts[sha256] = pair


def _refuse_entry(job: _ImportJob, entry: ImportEntry, detail: str) -> None:
    job.summary.refused.append(RefusedPath(entry.name, LABELED_OTHERWISE, detail))


def _count_label(summary: ImportSummary, pair: NamedVerdict) -> None:
    if pair[0] == Verdict.PASS:
        summary.good += 1
    else:
        summary.defective += 1


def _add_mask(batch: _ImportBatch, entry: ImportEntry, earlier: EarlierLabels) -> None:
    """Add a label with the new or changed mask of an image that only imports labeled."""
    mask, label = batch.job.masks.read(entry), earlier.imported_label
    if not mask:
        return
    if label is None or earlier.human_label is not None or earlier.disputed or hasattr(label, "undo"):
        batch.job.summary.masks_left_out += 1
    elif mask_files.hash_mask(mask) != label.mask_sha256:
        batch.labels.append(_make_label(batch, label.inspection, earlier_labels.named_verdict_of(label), mask))


def _overrule_labels(batch: _ImportBatch, earlier: EarlierLabels, pair: NamedVerdict, mask: bytes) -> None:
    """Overrule the labels that differ, on every inspection of the image."""
    job = batch.job
    mask_sha256 = _store_mask(job, mask)
    for part in earlier.conflicting_inspections(pair):
        review.overrule(
            part,
            verdict=pair[0],
            defect_type=batch.get_type(pair[1]),
            reason=job.overrule,
            by=job.reviewer,
            mask_sha256=mask_sha256,
        )
    job.summary.overruled += 1
    _count_label(job.summary, pair)


def _store_part(batch: _ImportBatch, entry: ImportEntry) -> Inspection:
    """Store the file and record its part."""
    with _open_image(entry) as image:
        submission = Submission(
            image, batch.job.product, uploaded_by=batch.job.reviewer, filename=readable_filename(entry.path.name)
        )
        return image_import.import_image(submission, folder_bit_depth=batch.job.summary.bit_depth)


def _make_label(batch: _ImportBatch, part: Inspection, pair: NamedVerdict, mask: bytes) -> Label:
    """Return the unsaved label of a part; store its mask."""
    return Label(
        inspection=part,
        verdict=pair[0],
        defect_type=batch.get_type(pair[1]),
        source=Label.Source.IMPORT,
        provenance=Label.Provenance.IMPORTED,
        reviewer=batch.job.reviewer,
        mask_sha256=_store_mask(batch.job, mask),
    )


def _store_mask(job: _ImportJob, mask: bytes) -> str:
    """Store and count a mask; return its sha256, empty for no mask."""
    if not mask:
        return ""
    job.summary.masks += 1
    return mask_files.store_mask(mask)
