"""Command ``plant_key``: print this plant's public key for other plants."""

from __future__ import annotations

from typing import Any

from mltasks.exchange import signing
from mltasks.management.base_commands import RefusableCommand
from mltasks.models.trusted_plants import format_fingerprint


class Command(RefusableCommand):
    help = (
        "Print this plant's public key; redirect it into a file for another plant. The key's fingerprint goes to "
        "standard error. Tell it to the other plant by another channel, for example by telephone."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the key to standard output and the fingerprint to standard error."""
        key = signing.own_public_key()
        self.stderr.write(f"Fingerprint: {format_fingerprint(signing.fingerprint(key))}")
        self.stdout.write(key, ending="")
