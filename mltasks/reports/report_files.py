"""Find versions by product and number, and say what their reports say: one reading for REST, pages and commands."""

from __future__ import annotations

import json
import logging
from typing import Any

from mltasks.models import ModelVersion
from mltasks.storage import version_store
from mltasks.storage.store_errors import StoreUnreachable
from mltasks.vision.serving import bundle

logger = logging.getLogger(__name__)

# What a browser may fetch of a version: its figures and its worst mistakes, never the weights.
PUBLIC_FOLDERS = ("plots/", "worst/")


def find_version(product: str, number: int) -> ModelVersion:
    """The version with its report, run and snapshot. Raises ModelVersion.DoesNotExist."""
    return ModelVersion.objects.with_origin().get(model__name=product, number=number)


def report_json(version: ModelVersion) -> dict[str, Any]:
    """The version's report with what it is the report of; strict JSON, what could not be measured is null."""
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
    """Names of the version's figures and pictures, as its manifest lists them; none when its directory is gone, or
    can't be fetched now: the numbers are in the report's row."""
    try:
        folder = version_store.ensure_local(version)
        manifest: dict[str, str] = json.loads((folder / bundle.MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (bundle.BundleCorrupt, StoreUnreachable) as error:
        logger.warning("No figures of %s: %s", version, error)
        return []
    return sorted(name for name in manifest if name.startswith(PUBLIC_FOLDERS))
