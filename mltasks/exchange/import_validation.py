"""Validation of an exported version before anything is imported."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from django.conf import settings
from django.utils.translation import gettext as _

from mltasks.exchange import exchange_archive, export_document, signing, trust_store, version_export
from mltasks.exchange.exchange_archive import ArchiveHeader
from mltasks.exchange.export_document import VersionDocument
from mltasks.models import ModelVersion, RegisteredModel
from mltasks.models.trusted_plants import format_fingerprint
from mltasks.refusals import Refusal
from mltasks.text import strict_json
from mltasks.vision.serving import bundle
from mltasks.vision.serving.precisions import Precision, allowed_precisions
from mltasks.vision.serving.scorer import Scorer


class ImportRefused(Refusal):
    """Refusal of a file that is no trusted plant's export or can't be imported; nothing is kept."""


class ValidatedImport(NamedTuple):
    """Version that passed the validation."""

    header: ArchiveHeader
    document: VersionDocument
    plant: str
    public_key: str
    meta: Mapping[str, Any]


def validate(model: RegisteredModel, file: BinaryIO, folder: Path) -> ValidatedImport:
    """Verify the signature, unpack the version into the folder and check that it scores.

    Raises ImportRefused.
    """
    with _as_import_refused(), exchange_archive.open_archive(file) as packed:
        header = exchange_archive.read_header(packed)
        plant, public_key = _trusted_signer(header)
        document = export_document.parse_document(header.document_bytes)
        if signing.fingerprint(public_key) != document.fingerprint:
            raise ValueError(_("it was signed with a different key than its document names"))
        refuse_duplicate(model.pk, document.sha256)
        _refuse_too_large(document)
        exchange_archive.unpack(packed, document.files, folder)
        meta = strict_json.parse((folder / bundle.META).read_bytes())
        strict_json.parse((folder / bundle.REPORT).read_bytes())
        if not version_export.report_matches(folder, document.evaluation):
            raise ValueError(_("its report differs from the report in its files"))
    with _as_import_refused():
        _refuse_unusable(folder, document)
    return ValidatedImport(header, document, plant, public_key, meta)


@contextmanager
def _as_import_refused() -> Iterator[None]:
    try:
        yield
    except ImportRefused:
        raise
    except (ValueError, bundle.BundleCorrupt) as error:
        text = _("This file cannot be imported: {why}. Ask the other plant to export the version again.")
        raise ImportRefused(text.format(why=error)) from error


def _trusted_signer(header: ArchiveHeader) -> tuple[str, str]:
    """Return name and public key of the trusted plant that signed the document."""
    signer = trust_store.find_signer(header.document_bytes, header.signature)
    if signer is not None:
        return signer
    key = signing.read_public_key(header.public_key_pem)
    if not signing.is_valid_signature(header.document_bytes, header.signature, key):
        raise ValueError(_("its signature does not match its content, so it was changed after signing"))
    text = _(
        "This file was signed with the key {fingerprint}, which is not trusted here. Ask the plant that sent the file "
        "for its fingerprint, for example by telephone. Only if both are equal, let an admin trust the key (Trusted "
        "plants in the admin, or `trust_plant`). Then import the file again."
    )
    raise ImportRefused(text.format(fingerprint=format_fingerprint(signing.fingerprint(key))))


def refuse_duplicate(model_id: int, sha256: str, excluding: ModelVersion | None = None) -> None:
    """Raise ImportRefused if the model has another version of the same files.

    ``excluding`` is the version being imported.
    """
    rows = ModelVersion.objects.filter(model_id=model_id, sha256=sha256)
    duplicate = (rows.exclude(pk=excluding.pk) if excluding else rows).first()
    if duplicate is not None:
        raise ImportRefused(_("This plant already has this version: it is {version}.").format(version=duplicate))


def _refuse_too_large(document: VersionDocument) -> None:
    size = sum(entry.size for entry in document.files.values())
    if size > settings.MAX_VERSION_BYTES:
        text = _("The version has {size} MB, but MAX_VERSION_BYTES allows at most {limit} MB.")
        raise ImportRefused(text.format(size=_megabytes(size), limit=_megabytes(settings.MAX_VERSION_BYTES)))
    free = shutil.disk_usage(settings.VERSIONS_DIR).free - settings.MIN_FREE_DISK_BYTES
    if size > free:
        text = _(
            "The version needs {size} MB, but this machine's disk has only {free} MB free for it. Free some space."
        )
        raise ImportRefused(text.format(size=_megabytes(size), free=_megabytes(max(0, free))))


def _refuse_unusable(folder: Path, document: VersionDocument) -> None:
    """Check that the version scores here in each of its precisions, with this machine's libraries.

    Raises BundleCorrupt if the directory's manifest differs from what was signed.
    """
    try:
        bundle.verify(folder, document.sha256)
        finite = all(_scores_gray(folder, precision) for precision in allowed_precisions(bundle.read_meta(folder)))
    except bundle.BundleCorrupt:
        raise
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        text = _("The version is complete, but it does not score here ({why}). Update both plants.")
        raise ImportRefused(text.format(why=f"{type(error).__name__}: {str(error)[:200]}")) from error
    if not finite:
        raise ImportRefused(_("The version is complete, but its score of a gray image is not a number."))


def _scores_gray(folder: Path, precision: Precision) -> bool:
    """Return True if the scores of a gray image are numbers."""
    scorer = Scorer.load(folder, threads=settings.SCORING_THREADS, precision=precision)
    size = scorer.input_size
    (scores,) = scorer.score([np.full((size.height, size.width, 3), 128, np.uint8)])
    return bool(np.isfinite([scores.defect_probability, scores.novelty]).all())


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f}"
