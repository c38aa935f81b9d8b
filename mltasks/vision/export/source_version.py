"""Origin of a version's code: hash of the vision package's source, and the commit."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Seconds; git reads two small files.
GIT_TIMEOUT_S = 10


@cache
def source_version() -> dict[str, str]:
    """Return ``sha256`` of the vision package's Python files and ``commit`` of the checkout.

    The hash covers names and contents. ``commit`` is empty without a checkout or git."""
    digest = hashlib.sha256()
    for path in sorted(ROOT.rglob("*.py")):
        digest.update(f"{path.relative_to(ROOT).as_posix()}\n".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return {"sha256": digest.hexdigest(), "commit": _commit()}


def _commit() -> str:
    git = shutil.which("git")
    if git is None:
        return ""
    command = [git, "-C", str(ROOT), "rev-parse", "HEAD"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=GIT_TIMEOUT_S)  # noqa: S603 (ours)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return result.stdout.strip() if result.returncode == 0 else ""
