"""Where the embedded services of this VAR folder listen, as the supervisor wrote it down."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

FILE_NAME = "services.json"


def running_services(var: Path) -> dict[str, str]:
    """Return ``database_url`` and ``redis_url`` of the embedded services, or nothing when none were started."""
    try:
        found = json.loads((var / FILE_NAME).read_text())
    except FileNotFoundError:
        return {}
    return {str(name): str(value) for name, value in found.items()}


def secret_key(var: Path) -> str:
    """Return the secret key of this VAR folder, made and kept (mode 0600) at the first call."""
    path = var / "secret_key"
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        var.mkdir(parents=True, exist_ok=True)
    made = secrets.token_urlsafe(50)
    temporary = path.with_suffix(f".{os.getpid()}")
    temporary.write_text(made)
    temporary.chmod(0o600)
    try:
        # A link fails where a rename would overwrite: of two processes at once, one key wins.
        os.link(temporary, path)
    except FileExistsError:
        made = path.read_text().strip()
    finally:
        temporary.unlink()
    return made
