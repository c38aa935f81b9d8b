"""``prune [PRODUCT] --older-than 90d``: parts that passed and that nobody ever touched go when they are old."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from tqdm import tqdm

from inspection.images import image_removal
from inspection.images.image_removal import FOLDERS, Freed
from inspection.models import Product
from labeling.history.retention import BATCH, Aim, candidates, prune
from mltasks.management.base_commands import require
from mltasks.storage.store_errors import StoreAway

MOST_DAYS, MOST_AT_ONCE = 36_500, 10_000


class Command(BaseCommand):
    """Remove old parts."""

    help = (
        "Remove parts that passed and that no person ever touched, with their images. Kept for ever is what was "
        "labeled, reviewed, skipped or judged again, what is in a snapshot, waits for a person, was failed by the "
        "model, imported, or is repeated by others. Run it again to go on where it stopped."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose parts, how old, and how."""
        parser.add_argument("product", nargs="?", help="slug of the product; by default all of them")
        parser.add_argument("--older-than", metavar="DAYS", help="such as 90d; by default RETENTION_DAYS")
        parser.add_argument("--dry-run", action="store_true", help="count, and remove nothing")
        parser.add_argument("--batch", default=str(BATCH), metavar="N", help=f"parts a transaction, {BATCH} by default")

    def handle(self, *args: Any, **options: Any) -> None:
        """Remove, and say what."""
        before = timezone.now() - timedelta(days=_days(options["older_than"]))
        batch, dry_run = _batch(options["batch"]), options["dry_run"]
        try:
            for product in _products(options["product"]):
                self._prune(Aim(product, before, batch, dry_run))
            self._sweep(dry_run=dry_run)
        except OSError as error:
            raise CommandError(f"{error.filename or 'A file'} can't be removed: {error.strerror}.") from None
        except StoreAway as error:
            raise CommandError(f"{error} Run it again later: it goes on where it stopped.") from None

    def _prune(self, aim: Aim) -> None:
        looked, removed, freed = 0, 0, Freed()
        with tqdm(total=candidates(aim.product, aim.before).count(), unit="part", desc=aim.product.slug) as bar:
            for batch in prune(aim):
                looked, removed, freed = looked + batch.looked, removed + batch.removed, freed + batch.freed
                bar.update(batch.looked)
        done = "would be removed" if aim.dry_run else "removed"
        self.stdout.write(
            f"{aim.product.slug}: {removed:,} of {looked:,} parts that passed before {_said(aim.before)} {done}, "
            f"{looked - removed:,} kept; {_images(freed)} {done}."
        )

    def _sweep(self, *, dry_run: bool) -> None:
        freed = Freed()
        for number in tqdm(range(FOLDERS), unit="folder", desc="Files that nothing names"):
            freed += image_removal.sweep_folder(number, dry_run=dry_run)
        done = "would be removed" if dry_run else "removed"
        self.stdout.write(f"Files that nothing named for a day: {_images(freed)} {done}.")


def _days(text: str | None) -> int:
    if text is None and not settings.RETENTION_DAYS:
        raise CommandError("Nothing says how long parts are kept: name --older-than 90d, or set RETENTION_DAYS.")
    days = settings.RETENTION_DAYS if text is None else _whole(re.sub(r"d$", "", text))
    if not 1 <= days <= MOST_DAYS:
        raise CommandError(f"--older-than is a number of days from 1d to {MOST_DAYS}d, such as 90d, not {text!r}.")
    return int(days)


def _batch(text: str) -> int:
    if not 1 <= (batch := _whole(text)) <= MOST_AT_ONCE:
        raise CommandError(f"--batch is a whole number from 1 to {MOST_AT_ONCE:,}, not {text!r}.")
    return batch


def _whole(text: str) -> int:
    """The number; 0 for what is none."""
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else 0


def _products(slug: str | None) -> list[Product]:
    if slug is None:
        return list(Product.objects.all())
    known = ", ".join(Product.objects.values_list("slug", flat=True)) or "none yet"
    return [require(Product.objects.filter(slug=slug), f"There is no product {slug!r}. Known: {known}.")]


def _said(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M}"


def _images(freed: Freed) -> str:
    return f"{freed.images:,} images ({freed.bytes / 1e6:,.1f} MB)"
