"""A version leaves for another plant: one signed file."""

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

SUFFIX = ".slv"


def export_filename(version: ModelVersion) -> str:
    """``PRODUCT-vN.slv``."""
    return f"{version.model.name}-v{version.number}{SUFFIX}"


def export(version: ModelVersion, into: BinaryIO, *, by: User | None) -> None:
    """Write the version, signed, into an open file. Its hashes are read anew first: what is damaged does not leave.

    Doors check ``registry.PERMISSION`` first: these are the plant's weights. Raises BundleCorrupt and StoreAway, and
    ImproperlyConfigured without a usable key.
    """
    folder = version_store.ensure_local(version)
    bundle.verify(folder, version.sha256)
    if not report_matches(folder, version.report.evaluation):
        raise bundle.BundleCorrupt(_("The report of {version} is not the one in its files.").format(version=version))
    files = {
        name: FileEntry(sha256, (folder / name).stat().st_size) for name, sha256 in _manifest_hashes(folder).items()
    }
    document = export_document.build_document(version, files, exported_by=by.get_username() if by else "")
    key = signing.own_public_key().encode()
    exchange_archive.write(into, exchange_archive.ArchiveHeader(document, signing.sign(document), key), folder, files)


def export_to_temporary_file(version: ModelVersion, *, by: User | None) -> BinaryIO:
    """The same as an open file without a name, at its start, which is gone when it is closed. Raises as ``export``."""
    # Beside the versions: a machine's own temporary folder may be memory.
    folder = Path(settings.VERSIONS_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        file = cast(BinaryIO, stack.enter_context(tempfile.TemporaryFile(dir=folder)))
        export(version, file, by=by)
        file.seek(0)
        stack.pop_all()  # whoever asked closes it
    return file


def report_matches(folder: Path, evaluation: object) -> bool:
    """Whether the evaluation is that of the directory's ``report.json``, which also has each image's prediction."""
    found = json.loads((folder / bundle.REPORT).read_text(encoding="utf-8"))
    found.pop("predictions", None)
    return bool(found == json.loads(json.dumps(evaluation)))


def _manifest_hashes(folder: Path) -> dict[str, str]:
    """Those of a verified directory, its manifest's own among them."""
    recorded: dict[str, str] = json.loads((folder / bundle.MANIFEST).read_text(encoding="utf-8"))
    return {**recorded, bundle.MANIFEST: bundle.file_sha256(folder / bundle.MANIFEST)}
