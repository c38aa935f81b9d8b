"""Command ``prune [PRODUCT] --older-than 90d``: remove old parts that nothing keeps."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from tqdm import tqdm

from inspection.images import image_removal
from inspection.images.image_removal import FOLDER_COUNT, FreedSpace
from inspection.models import Product
from labeling.history.retention import BATCH_SIZE, RetentionScope, parts_passed_before, prune
from mltasks.management.base_commands import require
from mltasks.storage.store_errors import StoreUnreachable

MAX_DAYS, MAX_BATCH_SIZE = 36_500, 10_000


class Command(BaseCommand):
    """Command that removes old parts."""

    help = (
        "Remove old parts that passed and that no person handled, with their images. Parts are kept if they were "
        "labeled, reviewed, skipped, rechecked, failed or imported. Parts are also kept if they are in a snapshot, "
        "wait for a person or have near-duplicates. Run the command again to continue where it stopped."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the product, the age, and the options."""
        parser.add_argument("product", nargs="?", help="slug of the product; by default all of them")
        parser.add_argument("--older-than", metavar="DAYS", help="such as 90d; by default RETENTION_DAYS")
        parser.add_argument("--dry-run", action="store_true", help="count the parts, and remove nothing")
        parser.add_argument(
            "--batch", default=str(BATCH_SIZE), metavar="N", help=f"parts a transaction, {BATCH_SIZE} by default"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Remove old parts and unreferenced files; print how many."""
        before = timezone.now() - timedelta(days=_parse_days(options["older_than"]))
        batch, dry_run = _parse_batch_size(options["batch"]), options["dry_run"]
        try:
            for product in _products(options["product"]):
                self._prune(RetentionScope(product, before, batch, dry_run))
            self._remove_unnamed_files(dry_run=dry_run)
        except OSError as error:
            raise CommandError(f"{error.filename or 'A file'} cannot be removed: {error.strerror}.") from None
        except StoreUnreachable as error:
            raise CommandError(f"{error} Run the command again later: it continues where it stopped.") from None

    def _prune(self, scope: RetentionScope) -> None:
        examined, removed, freed = 0, 0, FreedSpace()
        with tqdm(
            total=parts_passed_before(scope.product, scope.received_before).count(),
            unit="part",
            desc=scope.product.slug,
        ) as bar:
            for batch in prune(scope):
                examined += batch.parts_examined
                removed += batch.parts_removed
                freed += batch.freed
                bar.update(batch.parts_examined)
        done = "would be removed" if scope.dry_run else "removed"
        self.stdout.write(
            f"{scope.product.slug}: {removed:,} of {examined:,} parts that passed before "
            f"{_format_time(scope.received_before)} {done}, "
            f"{examined - removed:,} kept; {_describe_freed(freed)} {done}."
        )

    def _remove_unnamed_files(self, *, dry_run: bool) -> None:
        freed = FreedSpace()
        for number in tqdm(range(FOLDER_COUNT), unit="folder", desc="Unreferenced files"):
            freed += image_removal.clean_folder(number, dry_run=dry_run)
        done = "would be removed" if dry_run else "removed"
        self.stdout.write(f"Files unreferenced for a day: {_describe_freed(freed)} {done}.")


def _parse_days(text: str | None) -> int:
    if text is None and not settings.RETENTION_DAYS:
        raise CommandError("The age of the parts is missing. Give it as --older-than 90d, or set RETENTION_DAYS.")
    days = settings.RETENTION_DAYS if text is None else _whole_number(re.sub(r"d$", "", text))
    if not 1 <= days <= MAX_DAYS:
        raise CommandError(f"--older-than must be a number of days from 1d to {MAX_DAYS}d, such as 90d, not {text!r}.")
    return int(days)


def _parse_batch_size(text: str) -> int:
    if not 1 <= (batch := _whole_number(text)) <= MAX_BATCH_SIZE:
        raise CommandError(f"--batch must be a whole number from 1 to {MAX_BATCH_SIZE:,}, not {text!r}.")
    return batch


def _whole_number(text: str) -> int:
    """Return the number; 0 if the text is none."""
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else 0


def _products(slug: str | None) -> list[Product]:
    if slug is None:
        return list(Product.objects.all())
    slugs = ", ".join(Product.objects.values_list("slug", flat=True)) or "none yet"
    return [require(Product.objects.filter(slug=slug), f"There is no product {slug!r}. Products: {slugs}.")]


def _format_time(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M}"


def _describe_freed(freed: FreedSpace) -> str:
    return f"{freed.images:,} images ({freed.bytes / 1e6:,.1f} MB)"
