"""Request of a pretraining run: gather images, freeze labels for its measurement, queue it."""

from __future__ import annotations

from collections.abc import Iterator

from django.contrib.auth.models import User
from django.db import transaction

from inspection.models import Inspection, Product
from inspection.products.part_identity import PartIdentities
from labeling.datasets import part_id_notes
from labeling.datasets.datasets import standing_labels, take_snapshot
from mltasks.models import BackboneRun
from mltasks.training import pretraining
from mltasks.training.pretraining_images import PretrainingImage
from mltasks.vision.data.splits import NotEnoughLabels
from mltasks.vision.pretrain.pretraining_config import PretrainingConfig

# A pretraining run samples its images from these: a part a second gives as many in 14 hours.
MAX_IMAGES = 50_000


def pretrain(
    product: Product, pretraining_config: PretrainingConfig, *, requested_by: User | None = None, enqueue: bool = True
) -> BackboneRun:
    """Queue a pretraining run on the product's stored images, measured on its labels if enough.

    With ``enqueue`` False the caller executes the run at once. Raises PretrainingRefused, with a text for people, and
    ValueError if the product's training settings are invalid.
    """
    config = product.train_config()
    part_id_notes.refresh_notes(product)  # the snapshot groups parts by these counts
    with transaction.atomic():
        missing, snapshot = "", None
        try:
            snapshot = take_snapshot(product)
        except NotEnoughLabels as error:
            missing = str(error)
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


def stored_images(product: Product) -> Iterator[PretrainingImage]:
    """Yield the product's newest stored images, each with its region at intake."""
    labels = list(standing_labels(product).values_list("inspection__image_sha256", "inspection__part_id"))
    identities = PartIdentities(product)
    files, parts = {sha256 for sha256, _ in labels}, {identities.part_id(part) for _, part in labels} - {""}
    newest = Inspection.objects.filter(product=product).order_by("-received_at", "-id")
    columns = ("image_name", "image_sha256", "roi", "part_id", "bit_depth")
    for name, sha256, roi, part, depth in newest.values_list(*columns)[:MAX_IMAGES]:
        yield PretrainingImage(name, sha256, roi, labeled=sha256 in files or part in parts, bit_depth=depth)
