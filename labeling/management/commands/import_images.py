"""``import_images PRODUCT DIR``: a folder in the ImageFolder layout becomes labeled parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from inspection.models import Product
from inspection.refusals import DiskFull, StoreUnavailable
from labeling.image_folders import NotAnImageFolder
from labeling.importing import ImportSummary, import_images


class Command(BaseCommand):
    """Import labeled images."""

    help = (
        "Import labeled images: good/ (or ok/, pass/) are good; every other folder name is a defect type, bad/ the "
        "unnamed one. Run it again to go on where it stopped."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """The product, the folder, and what to leave out."""
        parser.add_argument("product", help="slug of the product")
        parser.add_argument("folder", type=Path)
        parser.add_argument("--skip", default="", metavar="NAME,…", help="folders to leave out, such as raw")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import, print what became of it, and fail when a file was refused."""
        product = Product.objects.filter(slug=options["product"]).first()
        if product is None:
            raise CommandError(f"There is no product {options['product']!r}. Make it with create_product.")
        skip = {name.strip() for name in options["skip"].split(",") if name.strip()}
        try:
            summary = self._import(product, options["folder"], skip)
        except NotAnImageFolder as error:
            raise CommandError(str(error)) from None
        except DiskFull as error:
            raise CommandError(f"{error} Make room and run it again: it goes on where it stopped.") from None
        except StoreUnavailable as error:
            raise CommandError(f"{error} Run it again: it goes on where it stopped.") from None
        self._report(product, summary)

    def _import(self, product: Product, folder: Path, skip: set[str]) -> ImportSummary:
        with tqdm(unit="image", desc="Importing", mininterval=0.5) as bar:

            def show(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            return import_images(product, folder, skip=skip, progress=show)

    def _report(self, product: Product, summary: ImportSummary) -> None:
        for unfit in summary.refused:
            self.stderr.write(f"refused {unfit.name}: {unfit.code}: {unfit.detail}")
        if summary.left_out:
            self.stdout.write(f"left out: {', '.join(summary.left_out)}")
        words = f"{product.slug}: {summary.imported} imported, {summary.already} there already"
        if summary.refused:
            raise CommandError(f"{words}, {len(summary.refused)} refused: see above.")
        self.stdout.write(f"{words}, none refused.")
