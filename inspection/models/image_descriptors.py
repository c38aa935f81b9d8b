"""What is stored of an image beside its file: embedding, fingerprint and score maps.

Where a part lies among others by what it looks like: the row behind "the most similar labeled parts".

What a part looks like in four kilobytes, kept so that later parts can be compared with it without its image.

Where a verdict came from, kept small beside it: read by the workbench without the model and without the image.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from pgvector.django import HalfVectorField, HnswIndex

from mltasks.vision.types import EMBEDDING_DIMENSIONS


class Embedding(models.Model):
    """One image as a point, written with its verdict or by a worker; near points look alike by cosine.

    A row of its own, so that lists of inspections never read it. ``target`` is the standing label's, kept by whoever
    writes labels: only labeled parts are looked for, so only they are in the index.
    """

    inspection = models.OneToOneField(
        "inspection.Inspection", on_delete=models.CASCADE, primary_key=True, related_name="embedding"
    )
    product = models.ForeignKey("inspection.Product", on_delete=models.CASCADE, related_name="+", db_index=False)
    space = models.CharField(
        max_length=64, help_text=_("Which network drew it; points of different spaces can't be compared.")
    )
    vector = HalfVectorField(dimensions=EMBEDDING_DIMENSIONS)
    target = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text=_("0 for a part labeled good, 1 for one labeled defective.")
    )

    class Meta:
        indexes = [
            # The most similar labeled parts (Malkov and Yashunin, 2018), one graph for good and one for defective ones.
            HnswIndex(
                name="embedding_good",
                fields=["vector"],
                m=16,
                ef_construction=64,
                opclasses=["halfvec_cosine_ops"],
                condition=Q(target=0),
            ),
            HnswIndex(
                name="embedding_defective",
                fields=["vector"],
                m=16,
                ef_construction=64,
                opclasses=["halfvec_cosine_ops"],
                condition=Q(target=1),
            ),
        ]

    def __str__(self) -> str:
        return f"Embedding of {self.inspection_id}"


class Fingerprint(models.Model):
    """The fingerprint of a part that people see: ``vision.likeness`` takes it, ``vision.repeats`` packs it.

    A row of its own, so that lists of inspections never read it.
    """

    inspection = models.OneToOneField(
        "inspection.Inspection", on_delete=models.CASCADE, primary_key=True, related_name="fingerprint"
    )
    width = models.PositiveIntegerField(help_text=_("Of the region of interest, in pixels of the upright image."))
    height = models.PositiveIntegerField()
    texture = models.BinaryField(
        help_text=_("64 x 64 steps of what is left when local mean and contrast are taken out.")
    )

    def __str__(self) -> str:
        return f"Fingerprint of {self.inspection_id}"


class ScoreMaps(models.Model):
    """The evidence and anomaly map of one scored part, as ``vision.maps.pack`` packs them: about a kilobyte.

    A row of its own, so that lists of inspections never read it.
    """

    inspection = models.OneToOneField(
        "inspection.Inspection", on_delete=models.CASCADE, primary_key=True, related_name="score_maps"
    )
    packed = models.BinaryField(help_text=_("A PNG of two channels over the region of interest: evidence and anomaly."))

    class Meta:
        verbose_name_plural = _("score maps")

    def __str__(self) -> str:
        return f"Maps of {self.inspection_id}"
