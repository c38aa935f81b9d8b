"""A labeled folder becomes inspections with labels, each file once however often it is imported."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from django.contrib.auth.models import User
from django.db import transaction

from inspection import intake, storage
from inspection.models import Inspection, Product, Verdict
from inspection.refusals import DiskFull, Refusal, StoreUnavailable
from labeling import holdout
from labeling.image_folders import Entry, Unfit, read_folder
from labeling.models import DefectType, Label, current_name
from mltasks.vision.images import ImageError

ImportProgress = Callable[[int, int], None]
# Files committed together: a commit waits for the disk, and an import that is cut off loses at most one batch.
BATCH = 32


@dataclass(slots=True)
class ImportSummary:
    """What became of a folder. ``refused`` needs a person; ``left_out`` was skipped on purpose or hidden."""

    imported: int = 0
    already: int = 0
    refused: list[Unfit] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    @property
    def done(self) -> int:
        """Files that were looked at or refused."""
        return self.imported + self.already + len(self.refused)


def import_images(
    product: Product,
    folder: Path,
    *,
    skip: Collection[str] = (),
    reviewer: User | None = None,
    progress: ImportProgress | None = None,
) -> ImportSummary:
    """Import a folder in the ImageFolder layout; ``progress`` gets the files done and their total.

    A part and its label are committed together, and known files are passed over, so an import that was cut off is
    simply run again. A file that can't be taken is named in ``refused`` and the rest goes on. Raises NotAnImageFolder,
    DiskFull and StoreUnavailable.
    """
    listing = read_folder(folder, skip)
    summary = ImportSummary(refused=listing.refused, left_out=listing.left_out)
    total = len(listing.entries) + len(listing.refused)

    def tell() -> None:
        if progress:
            progress(summary.done, total)

    for start in range(0, len(listing.entries), BATCH):
        _import_batch(_Batch(product, reviewer, summary), listing.entries[start : start + BATCH], tell)
    return summary


def named(product: Product, name: str) -> DefectType:
    """The product's defect type of this name, or what it was merged into; made with the next free key where it is new.
    Hold the product's lock."""
    taken = set(product.defect_types.values_list("key", flat=True))
    free = next((key for key in "123456789" if key not in taken), "")
    found, _ = DefectType.objects.get_or_create(product=product, name=name, defaults={"key": free})
    return found.current


@dataclass(slots=True)
class _Batch:
    """What one transaction gathers. ``words`` are the folders' words on the images, by sha256; ``names`` what each
    type's name is today."""

    product: Product
    reviewer: User | None
    summary: ImportSummary
    words: dict[str, tuple[str, str]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    types: dict[str, DefectType] = field(default_factory=dict)
    labels: list[Label] = field(default_factory=list)


def _import_batch(batch: _Batch, entries: Sequence[Entry], tell: Callable[[], None]) -> None:
    hashed = list(_hashed(batch, entries))
    with transaction.atomic():
        # Imports of one product take turns, batch by batch: none waits for another's rows in a ring.
        Product.objects.select_for_update(no_key=True).get(pk=batch.product.pk)
        kinds = batch.product.defect_types.select_related("merged_into")
        batch.names = {kind.name: kind.current.name for kind in kinds}
        batch.words = _imported_words(batch.product, [sha256 for _, sha256 in hashed])
        for entry, sha256 in hashed:
            try:
                _import(batch, entry, sha256)
            except (DiskFull, StoreUnavailable):
                raise
            except (ImageError, Refusal) as error:
                batch.summary.refused.append(Unfit(entry.name, error.code, error.detail))
            tell()
        Label.objects.bulk_create(batch.labels)
        holdout.draw(batch.product, [label.inspection for label in batch.labels])


def _hashed(batch: _Batch, entries: Iterable[Entry]) -> Iterable[tuple[Entry, str]]:
    for entry in entries:
        try:
            with entry.path.open("rb") as image:
                yield entry, storage.sha256_of(image)
        except OSError as error:
            batch.summary.refused.append(Unfit(entry.name, "unreadable", error.strerror or str(error)))


def _imported_words(product: Product, sha256s: Sequence[str]) -> dict[str, tuple[str, str]]:
    """What folders said of these images before. What people said since then is theirs and not compared."""
    labels = Label.objects.filter(
        source=Label.Source.IMPORT,
        inspection__product=product,
        inspection__source=Inspection.Source.IMPORT,
        inspection__image_sha256__in=sha256s,
    ).select_related("inspection", "defect_type__merged_into")
    return {label.inspection.image_sha256: (label.verdict, current_name(label.defect_type)) for label in labels}


def _import(batch: _Batch, entry: Entry, sha256: str) -> None:
    kind = batch.names.get(entry.defect_type, entry.defect_type)
    word = (Verdict.PASS.value if entry.good else Verdict.FAIL.value, kind)
    before = batch.words.get(sha256)
    if before is None:
        batch.labels.append(_stored(batch, entry, *word))
        batch.words[sha256] = word
        batch.summary.imported += 1
    elif before == word:
        batch.summary.already += 1
    else:
        said = "good" if before[0] == Verdict.PASS else before[1] or "defective"
        why = f"The same image was imported as {said} before, and lies in {entry.folder}/ now."
        batch.summary.refused.append(Unfit(entry.name, "labeled_otherwise", why))


def _stored(batch: _Batch, entry: Entry, verdict: str, name: str) -> Label:
    """Store the file and record its part; return the label to write with it."""
    with entry.path.open("rb") as image:
        part = intake.receive(
            image,
            product=batch.product,
            uploaded_by=batch.reviewer,
            source=Inspection.Source.IMPORT,
            title=entry.path.name,
        )
    if name and name not in batch.types:
        batch.types[name] = named(batch.product, name)
    return Label(
        inspection=part,
        verdict=verdict,
        defect_type=batch.types.get(name),
        source=Label.Source.IMPORT,
        provenance=Label.Provenance.IMPORTED,
        reviewer=batch.reviewer,
    )
