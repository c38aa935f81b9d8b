"""Models of what is stored of an image beside its file: embedding, fingerprint, score maps.

- Embeddings find the most similar labeled parts.
- Fingerprints of 4 kilobytes compare later parts with an image without reading it.
- Score maps draw heatmaps without loading the model, and overlays without the image.

Each model has a table of its own, so that lists of inspections never read it.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from pgvector.django import HalfVectorField, HnswIndex

from mltasks.vision.types import EMBEDDING_DIMENSIONS


class Embedding(models.Model):
    """Embedding of one image, compared by cosine.

    Scoring writes the embedding with the verdict, or a worker adds it later. ``target`` is the standing label's value
    and is updated with the labels: only labeled parts are searched, so the indexes contain only labeled parts.
    """

    inspection = models.OneToOneField(
        "inspection.Inspection", on_delete=models.CASCADE, primary_key=True, related_name="embedding"
    )
    product = models.ForeignKey("inspection.Product", on_delete=models.CASCADE, related_name="+", db_index=False)
    space = models.CharField(
        max_length=64,
        help_text=_("Network that computed the embedding. Embeddings of different spaces are not comparable."),
    )
    vector = HalfVectorField(dimensions=EMBEDDING_DIMENSIONS)
    target = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text=_("0 for a part labeled good, 1 for a part labeled defective.")
    )

    class Meta:
        indexes = [
            # HNSW graphs (Malkov and Yashunin, 2018) of the good and the defective labeled parts.
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
    """Fingerprint of a part that people see.

    ``mltasks.vision.data.duplicate_groups`` computes it and ``incremental_duplicates`` packs its texture.
    """

    inspection = models.OneToOneField(
        "inspection.Inspection", on_delete=models.CASCADE, primary_key=True, related_name="fingerprint"
    )
    width = models.PositiveIntegerField(help_text=_("Of the region of interest, in pixels of the upright image."))
    height = models.PositiveIntegerField()
    texture = models.BinaryField(help_text=_("64 x 64 values of the image after removing its local mean and contrast."))

    def __str__(self) -> str:
        return f"Fingerprint of {self.inspection_id}"


class ScoreMaps(models.Model):
    """Evidence and anomaly map of one scored part, packed to about a kilobyte."""

    inspection = models.OneToOneField(
        "inspection.Inspection", on_delete=models.CASCADE, primary_key=True, related_name="score_maps"
    )
    packed = models.BinaryField(help_text=_("A PNG of two channels over the region of interest: evidence and anomaly."))

    class Meta:
        verbose_name_plural = _("score maps")

    def __str__(self) -> str:
        return f"Maps of {self.inspection_id}"
