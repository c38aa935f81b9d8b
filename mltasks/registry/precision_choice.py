"""Choice of the precision in which this machine serves a version: the fastest that keeps the version's scores.

The times are those of the training if it ran on such a processor. Otherwise they are measured here once for all
processes, and kept in ``VAR/precisions``.
"""

from __future__ import annotations

import fcntl
import json
import logging
import subprocess
from pathlib import Path

from django.conf import settings

from mltasks.models import ModelVersion
from mltasks.storage import atomic_files, version_store
from mltasks.vision.serving import precision_timer
from mltasks.vision.serving.precisions import F32, Precision, allowed_precisions, fastest, trained_milliseconds
from mltasks.vision.serving.processor import processor_id

logger = logging.getLogger(__name__)


def known_precision(version: ModelVersion) -> Precision | None:
    """Return the precision in which this machine serves a version; None if it was not measured yet."""
    if len(allowed_precisions(version.meta)) == 1:
        return F32
    took = trained_milliseconds(version.meta) or _read_times(_times_file(version))
    return fastest(took) if took else None


def choose_precision(version: ModelVersion) -> Precision:
    """Return the precision in which this machine serves a version, measured now if it is not known.

    If the measurement fails, it is 32 bits, and the next process that loads the version measures again. Raises
    BundleCorrupt and StoreUnreachable as ``version_store.ensure_local``."""
    if known := known_precision(version):
        return known
    file = _times_file(version)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # until the file is closed; processes start at the same time
        if took := _read_times(file):
            return fastest(took)
        try:
            took = precision_timer.measure_in_new_process(
                version_store.ensure_local(version), allowed_precisions(version.meta)
            )
        except (OSError, ValueError, subprocess.SubprocessError):
            logger.exception("The precisions of %s could not be timed. It is served in 32 bits.", version)
            return F32
        text = json.dumps({"processor": processor_id(), "milliseconds": took}).encode()
        atomic_files.write(file, lambda draft: draft.write(text), draft_dir=file.parent, durable=False)
        return fastest(took)


def _times_file(version: ModelVersion) -> Path:
    return Path(settings.VAR) / "precisions" / f"{version.sha256}.json"


def _read_times(file: Path) -> dict[str, float] | None:
    """Return the times that were measured on this processor; None if there are none."""
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if stored.get("processor") != processor_id():
        return None
    took: dict[str, float] = stored["milliseconds"]
    return took
