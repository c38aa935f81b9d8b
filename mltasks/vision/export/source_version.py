"""Which code made a version: a hash of the science's own source, and the commit where there is one to name."""

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
    """``sha256`` of all Python files of this floor, by name and content, and ``commit``: that of the checkout, empty
    where there is no checkout or no git."""
    found = hashlib.sha256()
    for path in sorted(ROOT.rglob("*.py")):
        found.update(f"{path.relative_to(ROOT).as_posix()}\n".encode())
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return {"sha256": found.hexdigest(), "commit": _commit()}


def _commit() -> str:
    git = shutil.which("git")
    if git is None:
        return ""
    command = [git, "-C", str(ROOT), "rev-parse", "HEAD"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=GIT_TIMEOUT_S)  # noqa: S603 (ours)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return said.stdout.strip() if said.returncode == 0 else ""
