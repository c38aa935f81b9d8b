"""Static files under hashed names, collected only when their sources changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command

_STAMP_FILE = "collected.sha256"


def collect_if_changed() -> bool:
    """Collect into STATIC_ROOT if the sources changed; return True if it did.

    Collecting takes seconds. The settings must use the hashing storage (STATIC_HASHED=1), otherwise pages would
    request missing names.
    """
    root = Path(settings.STATIC_ROOT)
    root.mkdir(parents=True, exist_ok=True)
    fingerprint = _fingerprint()
    if (root / _STAMP_FILE).exists() and (root / _STAMP_FILE).read_text() == fingerprint:
        return False
    call_command("collectstatic", interactive=False, verbosity=0)
    (root / _STAMP_FILE).write_text(fingerprint)
    return True


def _fingerprint() -> str:
    return hashlib.sha256("\n".join(sorted(_sources())).encode()).hexdigest()


def _sources() -> Iterator[str]:
    yield settings.STORAGES["staticfiles"]["BACKEND"]
    for finder in get_finders():
        for name, storage in finder.list([]):
            status = Path(storage.path(name)).stat()
            yield f"{name} {status.st_size} {status.st_mtime_ns}"
