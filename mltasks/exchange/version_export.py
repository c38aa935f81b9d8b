"""Export of a version into one signed file for another plant."""

from __future__ import annotations

import json
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, cast

from django.conf import settings
from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from mltasks.exchange import exchange_archive, export_document, signing
from mltasks.exchange.export_document import FileEntry
from mltasks.models import ModelVersion
from mltasks.storage import version_store
from mltasks.vision.serving import bundle


def export_filename(version: ModelVersion) -> str:
    """Return ``PRODUCT-vN.slv``."""
    return f"{version.model.name}-v{version.number}.slv"


def export(version: ModelVersion, into: BinaryIO, *, by: User | None) -> None:
    """Write the signed version into an open file.

    Its hashes are verified first, so that damaged files are not exported. Callers check ``registry.PROMOTE_PERMISSION``
    first: the file contains the plant's weights. Raises BundleCorrupt and StoreUnreachable, and ImproperlyConfigured
    without a usable key.
    """
    folder = version_store.ensure_local(version)
    bundle.verify(folder, version.sha256)
    if not report_matches(folder, version.report.evaluation):
        raise bundle.BundleCorrupt(
            _("The report of {version} differs from the report in its files.").format(version=version)
        )
    hashes: dict[str, str] = json.loads((folder / bundle.MANIFEST).read_text(encoding="utf-8"))
    hashes[bundle.MANIFEST] = bundle.file_sha256(folder / bundle.MANIFEST)
    files = {name: FileEntry(sha256, (folder / name).stat().st_size) for name, sha256 in hashes.items()}
    document = export_document.build_document(version, files, exported_by=by.get_username() if by else "")
    key = signing.own_public_key().encode()
    exchange_archive.write(into, exchange_archive.ArchiveHeader(document, signing.sign(document), key), folder, files)


def export_to_temporary_file(version: ModelVersion, *, by: User | None) -> BinaryIO:
    """Return the export as an unnamed open file at its start; closing it deletes it.

    Raises as ``export`` does.
    """
    # Beside the versions: a machine's temporary folder may be in memory.
    folder = Path(settings.VERSIONS_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        file = cast(BinaryIO, stack.enter_context(tempfile.TemporaryFile(dir=folder)))
        export(version, file, by=by)
        file.seek(0)
        stack.pop_all()  # the caller closes it
    return file


def report_matches(folder: Path, evaluation: object) -> bool:
    """Return True if the evaluation equals the directory's ``report.json``.

    The file's predictions of single images are ignored.
    """
    report = json.loads((folder / bundle.REPORT).read_text(encoding="utf-8"))
    report.pop("predictions", None)
    return bool(report == json.loads(json.dumps(evaluation)))
