"""Command ``export_version PRODUCT VERSION FILE``: write a signed version for another plant."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from mltasks.exchange import signing, version_export
from mltasks.management.base_commands import VersionCommand, require_version
from mltasks.models.trusted_plants import format_fingerprint
from mltasks.storage import output_files


class Command(VersionCommand):
    help = (
        "Write a version with its weights, report and snapshot manifest into one file, signed by this plant's key. "
        "Another plant can import the file once it trusts that key: see plant_key."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "file",
            help="target file, replaced if it exists; in a folder the name is PRODUCT-vN.slv; - is standard output; "
            "devices and pipes are written to",
        )

    def handle(self, *args: Any, product: str, version: int, file: str, **options: Any) -> None:
        """Write the complete file or nothing, and print the fingerprint of the signing key."""
        row = require_version(product, version)
        size = 0

        def fill(into: BinaryIO) -> None:
            nonlocal size
            version_export.export(row, into, by=None)
            size = into.seek(0, 2)

        try:
            target, is_stdout = output_files.write(file, version_export.export_filename(row), fill, scratch=_scratch())
            signed = signing.fingerprint(signing.own_public_key())
        except OSError as error:
            raise CommandError(f"{file} cannot be written: {error.strerror}.") from None
        # Standard output must contain the version only.
        to = self.stderr if is_stdout else self.stdout
        to.write(f"{target}: {size / 1e6:.0f} MB, signed by {format_fingerprint(signed)}", str)


def _scratch() -> Path:
    """Return the versions folder, created if missing.

    The machine's temporary folder may be in memory.
    """
    folder = Path(settings.VERSIONS_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
