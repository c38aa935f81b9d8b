"""Reports of versions as JSON and their public files."""

from __future__ import annotations

import json
import logging
from typing import Any

from mltasks.models import ModelVersion
from mltasks.storage import version_store
from mltasks.storage.store_errors import StoreUnreachable
from mltasks.vision.serving import bundle

logger = logging.getLogger(__name__)

# Folders that a browser may fetch from a version: plots and worst errors, never the weights.
PUBLIC_FOLDERS = ("plots/", "worst/")


def report_json(version: ModelVersion) -> dict[str, Any]:
    """Return the version's report with its product, number and snapshot, as strict JSON.

    Values that could not be measured are null.
    """
    snapshot = version.run.snapshot
    return {
        "product": version.model.name,
        "version": version.number,
        "created_at": version.created_at.isoformat(),
        "snapshot": None if snapshot is None else {"number": snapshot.number, "sha256": snapshot.sha256},
        **version.report.evaluation,
        "files": public_files(version),
    }


def public_files(version: ModelVersion) -> list[str]:
    """Return the names of the version's plots and pictures, as listed in its manifest.

    Empty if the directory is missing or cannot be fetched now; the report's row still has the figures.
    """
    try:
        folder = version_store.ensure_local(version)
        manifest: dict[str, str] = json.loads((folder / bundle.MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (bundle.BundleCorrupt, StoreUnreachable) as error:
        logger.warning("No figures of %s: %s", version, error)
        return []
    return sorted(name for name in manifest if name.startswith(PUBLIC_FOLDERS))
