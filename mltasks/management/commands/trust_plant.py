"""Command ``trust_plant NAME KEY_FILE --fingerprint …``: trust another plant's key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mltasks.exchange import trust_store


class Command(BaseCommand):
    """Trust another plant's key."""

    help = (
        "Trust what another plant signs, by the key that its plant_key printed. The fingerprint is what that plant "
        "tells you by another way than the key came, by telephone for example: without it nothing is trusted."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the plant's name here, its key file and its fingerprint."""
        parser.add_argument("name", help="what the plant is called here")
        parser.add_argument("key", type=Path, help="file with its public key, as plant_key printed it over there")
        parser.add_argument("--fingerprint", default="", help="as that plant told it; spaces do not matter")

    def handle(self, *args: Any, name: str, key: Path, fingerprint: str, **options: Any) -> None:
        """Trust the plant if key and fingerprint match."""
        try:
            plant = trust_store.trust(name, key.read_bytes(), fingerprint, by=None)
        except ValueError as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            raise CommandError(f"{key} can't be read: {error.strerror}.") from None
        self.stdout.write(f"Versions signed by {plant} may come in. The admin ends that, under Trusted plants.")
