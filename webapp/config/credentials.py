"""Generated logins, printed at their first start and kept in VAR/credentials."""

from __future__ import annotations

import secrets
from pathlib import Path

from webapp.config.running_services import write_private

FILE_NAME = "credentials"
# Users of the demo: their logins are printed at each start.
DEMO_USERS = ("reviewer", "manager")


def generate_password() -> str:
    """Return a typeable password of 96 random bits."""
    return secrets.token_urlsafe(12)


def save_login(var: Path, username: str, password: str) -> None:
    """Store a login in the file, one ``username password`` a line; the file has mode 0600."""
    logins = load_logins(var) | {username: password}
    write_private(var / FILE_NAME, "".join(f"{name} {secret}\n" for name, secret in logins.items()))


def load_logins(var: Path) -> dict[str, str]:
    """Return the stored passwords by username; people may have changed them since."""
    try:
        lines = (var / FILE_NAME).read_text().splitlines()
    except FileNotFoundError:
        return {}
    return dict(line.split(" ", 1) for line in lines if " " in line)
