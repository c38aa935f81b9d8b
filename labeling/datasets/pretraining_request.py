"""Teach a product's backbone on its stored images: gather them, freeze the labels that measure it, queue the lesson."""

from __future__ import annotations

from collections.abc import Iterator

from django.contrib.auth.models import User
from django.db import transaction

from inspection.models import Inspection, Product
from inspection.products.part_identity import PartIdentities
from labeling.datasets import part_id_notes
from labeling.datasets.datasets import standing_labels, take_snapshot
from mltasks.models import BackboneRun, DatasetSnapshot
from mltasks.training import pretraining
from mltasks.training.pretraining_images import PretrainingImage
from mltasks.vision.data.splits import NotEnoughLabels
from mltasks.vision.pretrain.pretraining_config import PretrainingConfig

# Of these a lesson draws its images: a line that sends a part a second fills them in a day.
MAX_IMAGES = 50_000


def pretrain(
    product: Product, pretraining_config: PretrainingConfig, *, requested_by: User | None = None, enqueue: bool = True
) -> BackboneRun:
    """Queue a lesson on the product's stored images, and a measurement on its labels where they are enough.

    ``hint`` False leaves the run to the caller, who executes it at once. Raises LessonRefused, in words for people, and
    ValueError when the product's training settings can't be used.
    """
    config = product.train_config()
    part_id_notes.refresh_notes(product)  # the snapshot groups its parts by what is counted here
    with transaction.atomic():
        snapshot, missing = _try_snapshot(product)
        return pretraining.start(
            product.registered_model,
            stored_images(product),
            config,
            pretraining_config,
            snapshot=snapshot,
            labels_missing=missing,
            requested_by=requested_by,
            enqueue=enqueue,
        )


def _try_snapshot(product: Product) -> tuple[DatasetSnapshot | None, str]:
    try:
        return take_snapshot(product), ""
    except NotEnoughLabels as error:
        return None, str(error)


def stored_images(product: Product) -> Iterator[PretrainingImage]:
    """The product's newest stored images, each with its station's region as it was at intake."""
    labels = list(standing_labels(product).values_list("inspection__image_sha256", "inspection__part_id"))
    identities = PartIdentities(product)
    files, parts = {sha256 for sha256, _ in labels}, {identities.part_id(part) for _, part in labels} - {""}
    found = Inspection.objects.filter(product=product).order_by("-received_at", "-id")
    columns = ("image_name", "image_sha256", "roi", "part_id", "bit_depth")
    for name, sha256, roi, part, depth in found.values_list(*columns)[:MAX_IMAGES]:
        yield PretrainingImage(name, sha256, roi, labeled=sha256 in files or part in parts, bit_depth=depth)
