"""Checks over the whole project that need its servers: migrations match the models, and production settings are safe.

Run as ``python -m tests.project_checks``. Ends with the first failing check.
"""

from __future__ import annotations

import os
import secrets

from tests import embedded  # noqa: F401 (starts the servers before Django reads its settings)


def main() -> None:
    """Run the checks."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
    os.environ |= {"DEBUG": "0", "HTTPS": "1", "SECRET_KEY": secrets.token_urlsafe(50)}
    import django
    from django.core.management import call_command

    django.setup()
    call_command("makemigrations", "--check", "--dry-run", verbosity=1)
    call_command("check", "--deploy", "--fail-level", "WARNING", "--database", "default")


if __name__ == "__main__":
    main()
