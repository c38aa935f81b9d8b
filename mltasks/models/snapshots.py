"""Models of registered models and their dataset snapshots."""

from __future__ import annotations

from pathlib import Path

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mltasks.models.mask_names import mask_name
from mltasks.models.model_fields import append_only
from mltasks.vision.types import Roi, Sample, parse_marks


class RegisteredModel(models.Model):
    """Series of model versions for one product; its name is the product's slug."""

    name = models.SlugField(max_length=80, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class DatasetSnapshot(models.Model):
    """Immutable copy of a labeled set.

    A later correction of a label can't change what a version was trained on.
    """

    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="snapshots")
    number = models.PositiveIntegerField()
    # The database's clock, as for labels: the nightly training compares it with the times of labels.
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    sha256 = models.CharField(max_length=64, help_text=_("Hash of the sorted manifest of all items."))
    good = models.PositiveIntegerField()
    defective = models.PositiveIntegerField()

    class Meta:
        ordering = ["-created_at"]
        constraints = [models.UniqueConstraint(fields=["model", "number"], name="snapshot_number_once_per_model")]
        triggers = [append_only("snapshot_is_immutable")]

    def __str__(self) -> str:
        return gettext("{model} snapshot {number}").format(model=self.model.name, number=self.number)

    @property
    def total(self) -> int:
        """Return the number of labeled images for training, without the locked holdout."""
        return self.good + self.defective

    def samples(self, media_root: Path) -> list[Sample]:
        """Return the items as samples for training, with images and masks under ``media_root``."""
        return [item.as_sample(media_root) for item in self.items.order_by("id")]


class SnapshotItem(models.Model):
    """Labeled image as it was when the snapshot was frozen."""

    snapshot = models.ForeignKey(DatasetSnapshot, on_delete=models.PROTECT, related_name="items")
    image_name = models.CharField(max_length=200, help_text=_("Path of the image below MEDIA_ROOT."))
    image_sha256 = models.CharField(max_length=64)
    title = models.CharField(max_length=200, help_text=_("Name of the image for people: its file name or part id."))
    target = models.PositiveSmallIntegerField(help_text=_("0 good, 1 defective."))
    defect_type = models.CharField(max_length=80, blank=True)
    group = models.CharField(max_length=200, help_text=_("Images of one part share a group and are never split."))
    split = models.CharField(max_length=20)
    roi = models.CharField(max_length=40, blank=True, help_text=_("X,Y,W,H of the station, in upright pixels."))
    bit_depth = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text=_("Bits of 16 that are scaled to 8; empty for images of 8 bits.")
    )
    marks = models.JSONField(null=True, blank=True, help_text=_("Where a person marked the defect; empty: nowhere."))
    mask_sha256 = models.CharField(
        max_length=64, blank=True, default="", db_default="", help_text=_("Hash of the mask of the defect, if any.")
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["snapshot", "image_sha256"], name="image_once_per_snapshot"),
            models.CheckConstraint(condition=Q(target__in=[0, 1]), name="snapshot_item_target_is_binary"),
        ]
        # Finds the snapshots of an image: retention keeps such images, and a part's page lists the versions trained on
        # them.
        indexes = [models.Index(fields=["image_sha256"], name="snapshot_item_by_image")]
        triggers = [append_only("snapshot_item_is_immutable")]

    def __str__(self) -> str:
        return f"{self.title} ({'defective' if self.target else 'good'})"

    def as_sample(self, media_root: Path) -> Sample:
        """Return the item as a sample for training, with its image and mask under ``media_root``."""
        return Sample(
            name=self.title,
            sha256=self.image_sha256,
            path=media_root / self.image_name,
            target=self.target,
            group=self.group,
            split=self.split,
            defect_type=self.defect_type,
            roi=Roi.from_stored(self.roi),
            bit_depth=self.bit_depth,
            marks=parse_marks(self.marks or []),
            mask=media_root / mask_name(self.mask_sha256) if self.mask_sha256 else None,
        )
