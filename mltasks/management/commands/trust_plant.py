"""Command ``trust_plant NAME KEY_FILE --fingerprint …``: trust another plant's key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from mltasks.exchange import trust_store
from mltasks.management.base_commands import RefusableCommand


class Command(RefusableCommand):
    help = (
        "Trust the key that another plant's plant_key printed, so that its versions can be imported. The plant tells "
        "you the fingerprint by another channel than the key, for example by telephone. It is required."
    )

    refusals = (ValueError,)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="name for the plant")
        parser.add_argument("key", type=Path, help="file with its public key, as its plant_key printed it")
        parser.add_argument("--fingerprint", default="", help="fingerprint that the plant told you; spaces are ignored")

    def handle(self, *args: Any, name: str, key: Path, fingerprint: str, **options: Any) -> None:
        """Trust the plant if key and fingerprint match."""
        try:
            plant = trust_store.trust(name, key.read_bytes(), fingerprint, by=None)
        except OSError as error:
            raise CommandError(f"{key} cannot be read: {error.strerror}.") from None
        self.stdout.write(
            f"Versions signed by {plant} can now be imported. To end this, delete the plant under Trusted plants in "
            "the admin."
        )
