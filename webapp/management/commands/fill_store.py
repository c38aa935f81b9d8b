"""Command that copies this machine's images, versions, fast paths and backbones into the shared bucket."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from inspection.models import FastPath, Inspection
from labeling.models import Label
from mltasks.models import BackboneRun, ModelVersion
from mltasks.models.mask_names import mask_name
from mltasks.storage import object_store, version_store
from mltasks.storage.store_errors import StoreUnreachable
from mltasks.vision.serving import bundle
from mltasks.vision.serving.bundle import file_sha256


class Command(BaseCommand):
    """Command that copies all files named by rows into the bucket; idempotent."""

    help = "Copy this machine's images, versions and backbones into the shared bucket."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--replace",
            action="store_true",
            help="Upload versions that the bucket already has: its copies may be damaged.",
        )

    def handle(self, *args: Any, replace: bool, **options: Any) -> None:
        """Copy the files that the bucket lacks, and print their number."""
        if not object_store.is_shared():
            raise CommandError("There is no shared bucket. Set MEDIA_STORE=s3 and S3_BUCKET first.")
        try:
            images, versions, backbones = _publish_images(), self._publish_versions(replace), _publish_backbones()
        except StoreUnreachable as error:
            raise CommandError(f"{error} Run the command again: it continues where it stopped.") from None
        self.stdout.write(
            f"Images: {images}, versions: {versions}, backbones: {backbones} of this machine are in the bucket."
        )

    def _publish_versions(self, replace: bool) -> int:
        """Publish intact versions and fast paths: a damaged directory must not replace a good object."""
        count, fast_paths = 0, FastPath.objects.select_related("version__model")
        for version in [*ModelVersion.objects.select_related("model"), *fast_paths]:
            if not version.path.is_dir():
                continue
            try:
                bundle.verify(version.path, version.sha256)
            except bundle.BundleCorrupt as error:
                self.stderr.write(f"{version} was skipped: {error}")
                continue
            if replace or not version_store.is_published(version.bundle):
                version_store.publish(version.bundle)
            count += 1
        return count


def _publish_images() -> int:
    """Publish all images, and the masks of labels."""
    count, bucket = 0, object_store.image_bucket()
    rows = Inspection.objects.order_by("image_name").values_list("image_name", "image_sha256").distinct()
    masks = Label.objects.exclude(mask_sha256="").order_by().values_list("mask_sha256", flat=True).distinct()
    for name, sha256 in [*rows.iterator(), *((mask_name(sha256), sha256) for sha256 in masks)]:
        path = Path(settings.MEDIA_ROOT) / name
        if path.is_file() and file_sha256(path) == sha256:
            with path.open("rb") as image:
                bucket.put_if_absent(name, image, sha256, path.stat().st_size)
            count += 1
    return count


def _publish_backbones() -> int:
    """Publish all backbones, unused ones too: configs of runs name them."""
    named: Iterable[BackboneRun] = BackboneRun.objects.exclude(file="").without_large_fields()
    here = [run for run in named if run.path.is_file() and file_sha256(run.path) == run.sha256]
    for run in here:
        if object_store.version_bucket().size_of(run.file) is None:
            object_store.publish(run.file, run.path)
    return len(here)
