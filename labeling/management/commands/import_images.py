"""Command ``import_images PRODUCT DIR``: import a folder in the ImageFolder layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from tqdm import tqdm

from inspection.models import Product
from inspection.refusals import DiskFull, StoreUnavailable
from labeling.folder_import.folder_masks import FolderMasks, find_masks
from labeling.folder_import.image_folders import FolderListing, FolderNames, NotAnImageFolder
from labeling.folder_import.import_summary import ImportSummary
from labeling.folder_import.label_import import import_listing, list_folder
from labeling.models.type_names import fold_name
from mltasks.management.base_commands import ProductCommand, require
from mltasks.text.file_names import printable_filename
from mltasks.text.storable import visible_text


class Command(ProductCommand):
    """Command that imports labeled images."""

    help = (
        "Import labeled images. good/, ok/ and pass/ have good parts, bad/ has defective parts without a type, and any "
        "other folder name is a defect type. Run the command again to continue where it stopped."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the product, the folder, and the meaning of its class folders."""
        super().add_arguments(parser)
        parser.add_argument("folder", type=Path)
        parser.add_argument("--skip", default="", metavar="NAME,…", help="folders to leave out, such as raw")
        parser.add_argument("--good", default="", metavar="NAME,…", help="further folders of good parts")
        parser.add_argument(
            "--defect", default="", metavar="NAME,…", help="folders of a defect type whose names read like good parts"
        )
        parser.add_argument(
            "--masks",
            type=Path,
            metavar="DIR",
            help="folder of masks with the names of the images, such as scratch/07.png; not black is the defect",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="print the meaning of each folder, and import nothing"
        )
        parser.add_argument(
            "--overrule",
            metavar="REASON",
            help="let the folder's label overrule a person's label; the reason is stored with the label",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Import, print the result, and fail if a file was refused."""
        missing = f"There is no product {options['product']!r}. Create it with create_product."
        product = require(Product.objects.filter(slug=options["product"]), missing)
        overrule = options["overrule"]
        if overrule is not None and not visible_text(overrule):
            raise CommandError("Give a reason after --overrule: it is stored with the labels.")
        try:
            listing = self._list_folder(product, options)
            masks = self._find_masks(listing, options["masks"])
            if options["dry_run"]:
                self._end_dry_run(product, listing)
                return
            summary = self._import(product, listing, masks, (overrule or "").strip())
        except NotAnImageFolder as error:
            raise CommandError(str(error)) from None
        except DiskFull as error:
            raise CommandError(
                f"{error} Free disk space and run the command again: it continues where it stopped."
            ) from None
        except StoreUnavailable as error:
            raise CommandError(f"{error} Run the command again: it continues where it stopped.") from None
        self._report(product, listing, summary)

    def _list_folder(self, product: Product, options: dict[str, Any]) -> FolderListing:
        """List the folder and print the meaning of each class folder."""
        skip, good, defects = (_split_names(options[name]) for name in ("skip", "good", "defect"))
        if options["masks"] and options["masks"].resolve().parent == options["folder"].resolve():
            skip.add(options["masks"].resolve().name)  # no class folder
        listing = list_folder(product, options["folder"], FolderNames(skip=skip, good=good, defects=defects))
        self._print_folders(listing)
        present = {fold_name(folder.name) for folder in listing.folders}
        for name in sorted(name for name in good | defects if fold_name(name) not in present):
            self.stderr.write(f"--good or --defect names the folder {printable_filename(name)}/, which does not exist.")
        return listing

    def _print_folders(self, listing: FolderListing) -> None:
        for folder in listing.folders:
            self.stdout.write(f"{folder}, {folder.images} {'file' if folder.images == 1 else 'files'}")

    def _find_masks(self, listing: FolderListing, folder: Path | None) -> FolderMasks:
        """Find the images' masks, and print how many images have one and which masks have no image."""
        if folder is None:
            return FolderMasks()
        masks = find_masks(folder, listing.entries)
        self.stdout.write(f"{len(masks.paths)} of {len(listing.entries)} images have a mask.")
        if masks.unmatched:
            self.stderr.write(f"masks without an image: {', '.join(map(printable_filename, masks.unmatched))}")
        return masks

    def _import(self, product: Product, listing: FolderListing, masks: FolderMasks, overrule: str) -> ImportSummary:
        with tqdm(unit="image", desc="Importing", mininterval=0.5) as bar:

            def show(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            return import_listing(product, listing, overrule=overrule, masks=masks, progress=show)

    def _end_dry_run(self, product: Product, listing: FolderListing) -> None:
        self._print_refused(listing)
        good = sum(folder.images for folder in listing.folders if folder.good)
        text = f"{product.slug}: {good} good, {len(listing.entries) - good} defective. Nothing was imported"
        if listing.refused:
            raise CommandError(f"{text}, {len(listing.refused)} would be refused (see above).")
        self.stdout.write(f"{text}.")

    def _print_refused(self, listing: FolderListing) -> None:
        for unfit in listing.refused:
            self.stderr.write(f"refused {printable_filename(unfit.name)}: {unfit.code}: {unfit.detail}")
        if listing.left_out:
            self.stdout.write(f"left out: {', '.join(map(printable_filename, listing.left_out))}")

    def _report(self, product: Product, listing: FolderListing, summary: ImportSummary) -> None:
        self._print_refused(listing)
        self._print_folders(listing)
        if summary.overruled:
            self.stdout.write(f"{summary.overruled} overruled: people had given them another label.")
        if summary.bit_depth:
            self.stdout.write(f"16-bit images that state no bit depth were read as {summary.bit_depth} bits.")
        if summary.masks:
            self.stdout.write(f"{summary.masks} masks stored.")
        if summary.masks_left_out:
            self.stdout.write(f"{summary.masks_left_out} masks not stored: people labeled these images.")
        self.stdout.write(f"{summary.good} good and {summary.defective} defective.")
        text = f"{product.slug}: {summary.imported} imported, {summary.already_imported} already imported"
        if summary.refused:
            otherwise = f", {summary.labeled_otherwise} of them labeled_otherwise" if summary.labeled_otherwise else ""
            raise CommandError(f"{text}, {len(summary.refused)} refused{otherwise} (see above).")
        self.stdout.write(f"{text}, none refused.")


def _split_names(text: str) -> set[str]:
    return {name.strip() for name in text.split(",") if name.strip()}
