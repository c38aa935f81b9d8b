"""``export_version PRODUCT VERSION FILE``: a version as one signed file, for another plant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser

from mltasks import exporting, registry, signing, whole_files
from mltasks.models import ModelVersion
from mltasks.reports import find_version
from mltasks.store_errors import StoreAway


class Command(BaseCommand):
    """Export a version."""

    help = (
        "Write a version with its weights, its report and its snapshot's manifest into one file, signed by this "
        "plant's key. Another plant imports it once it trusts that key: see plant_key."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Product, version, and where to."""
        parser.add_argument("product", help="slug of the product")
        parser.add_argument("version", type=int, help="number of the version")
        parser.add_argument("file", type=Path, help="replaced where it exists; a folder gets PRODUCT-vN.slv")

    def handle(self, *args: Any, product: str, version: int, file: Path, **options: Any) -> None:
        """Write the file, whole or not at all, and say who signed it."""
        try:
            found = find_version(product, version)
        except ModelVersion.DoesNotExist:
            raise CommandError(f"{product!r} has no version {version}.") from None
        path = file / exporting.file_name(found) if file.is_dir() else file
        try:
            whole_files.write(
                path, lambda draft: exporting.export(found, draft, by=None), drafts=path.parent, durable=True
            )
            whole_files.sync(path.parent)
            signed = signing.fingerprint(signing.own_public_key())
        except (registry.BundleCorrupt, StoreAway, ImproperlyConfigured) as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            raise CommandError(f"{path} can't be written: {error.strerror}.") from None
        self.stdout.write(f"{path}: {path.stat().st_size / 1e6:.0f} MB, signed by {signing.in_groups(signed)}")
