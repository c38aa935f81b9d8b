"""Inspections: one stored image of a part with its verdict."""

from __future__ import annotations

import math
import uuid
from typing import Self

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from inspection.models.choices import Reason, Verdict
from inspection.models.inspection_constraints import INDEXES, MODEL_CONTRADICTED, TRAINABLE, decision_changed
from inspection.models.lease_owners import MAX_OWNER_LENGTH
from inspection.models.products import Product
from inspection.models.stations import Station
from mltasks.models import ModelVersion
from mltasks.models.model_fields import optional_user_field

_LEASE_IS_FREE = Q(lease_expires_at__isnull=True) | Q(lease_expires_at__lte=Now())


class InspectionQuerySet(models.QuerySet["Inspection"]):
    """Query set of inspections with named filters."""

    def with_version(self) -> Self:
        """Load each part with its version, but without the version's report, which is large and the same for many."""
        return self.select_related("model_version").defer("model_version__meta")

    def awaiting_review(self) -> Self:
        """Return the review queue: parts routed to review and not resolved yet."""
        return self.filter(verdict=Verdict.REVIEW, resolved_at__isnull=True)

    def awaiting_duplicate_check(self) -> Self:
        """Return the parts in review that were not yet checked for near-duplicates."""
        return self.awaiting_review().filter(similarity__isnull=True)

    def model_contradicted(self) -> Self:
        """Return the parts whose human verdict differs from the model verdict."""
        return self.filter(MODEL_CONTRADICTED)

    def trainable(self) -> Self:
        """Return the labeled parts outside the locked holdout: versions train on them."""
        return self.filter(TRAINABLE)

    def awaiting_score(self) -> Self:
        """Return the stored parts without a verdict."""
        return self.filter(state="pending")

    def abandoned(self) -> Self:
        """Return the parts without a verdict whose scoring lease expired, by the database's clock."""
        return self.awaiting_score().filter(_LEASE_IS_FREE)

    def scoring_deferred(self) -> Self:
        """Return the parts that were answered before their scores, which a worker still has to compute."""
        return self.filter(scoring_deferred=True)

    def deferred_unleased(self) -> Self:
        """Return the deferred parts that no worker scores now, by the database's clock."""
        return self.scoring_deferred().filter(_LEASE_IS_FREE)

    def with_lease_token(self, token: uuid.UUID) -> Self:
        """Return the unscored inspection whose lease has this token."""
        return self.filter(Q(state="pending") | Q(scoring_deferred=True), lease_token=token)


class Inspection(models.Model):
    """Inspection: one stored image of a part with its verdict."""

    class State(models.TextChoices):
        PENDING = "pending", _("Waiting for its score")
        DECIDED = "decided", _("Decided")
        IMPORTED = "imported", _("Imported with its label")

    class Source(models.TextChoices):
        STATION = "station", _("Camera station")
        UPLOAD = "upload", _("Dashboard")
        IMPORT = "import", _("Imported folder")

    MAX_ATTEMPTS = 3

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="inspections")
    station = models.ForeignKey(
        Station, on_delete=models.PROTECT, null=True, blank=True, db_index=False, related_name="inspections"
    )
    uploaded_by = optional_user_field()
    source = models.CharField(max_length=10, choices=Source, default=Source.STATION)
    part_id = models.CharField(max_length=120, blank=True)
    original_filename = models.CharField(
        max_length=200, blank=True, db_column="title", help_text=_("Name of the file as the client sent it.")
    )
    metadata = models.JSONField(default=dict, blank=True)
    captured_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField(auto_now_add=True)

    image_name = models.CharField(max_length=200, help_text=_("Path of the stored image below MEDIA_ROOT."))
    image_sha256 = models.CharField(max_length=64)
    image_format = models.CharField(max_length=8)
    image_width = models.PositiveIntegerField()
    image_height = models.PositiveIntegerField()
    image_bytes = models.PositiveBigIntegerField()
    roi = models.CharField(max_length=40, blank=True, help_text=_("The station's region of interest at intake."))
    bit_depth = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text=_("Bits of 16 that were scaled to 8; empty for images of 8 bits.")
    )
    bit_depth_before = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text=_("The station's bit depth before this image widened it.")
    )

    idempotency_key = models.CharField(max_length=200, blank=True)
    request_sha256 = models.CharField(max_length=64, blank=True)

    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    attempt = models.PositiveSmallIntegerField(default=0)
    lease_token = models.UUIDField(
        null=True, blank=True, help_text=_("Fences the write of a scorer that lost its lease.")
    )
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    lease_owner = models.CharField(
        max_length=MAX_OWNER_LENGTH,
        blank=True,
        default="",
        db_default="",
        help_text=_("Process that scores the part, as other processes of the same machine identify it."),
    )
    scoring_error = models.TextField(blank=True)
    scoring_deferred = models.BooleanField(
        default=False,
        db_default=False,
        help_text=_("Answered before its scores were computed; a worker computes them. The verdict stays."),
    )

    fast_path = models.ForeignKey(
        "inspection.FastPath",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        related_name="inspections",
        help_text=_("The fast path that passed the part without the full model."),
    )
    screening_logit = models.FloatField(
        null=True, blank=True, help_text=_("The fast path's score of a part that it passed.")
    )
    full_graph_passes = models.BooleanField(
        null=True, blank=True, help_text=_("Whether the full model, asked later, would have passed the part too.")
    )

    verdict = models.CharField(max_length=6, choices=Verdict, null=True, blank=True)  # noqa: DJ001 (no verdict yet)
    reasons = ArrayField(models.CharField(max_length=20, choices=Reason), default=list, blank=True)
    model_verdict = models.CharField(  # noqa: DJ001 (no model, no verdict)
        max_length=6, choices=Verdict, null=True, blank=True, db_column="label"
    )
    defect_probability = models.FloatField(null=True, blank=True)
    reconstruction_error = models.FloatField(null=True, blank=True)
    anomaly_threshold = models.FloatField(null=True, blank=True)
    novel_defect_suspected = models.BooleanField(null=True, blank=True)
    novelty = models.FloatField(null=True, blank=True, help_text=_("The novelty score divided by its threshold."))
    model_version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="inspections"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    latency_ms = models.FloatField(null=True, blank=True, help_text=_("From the request's arrival to its verdict."))
    # No positive field: its check would read the whole table at the migration, while parts wait.
    deadline_ms = models.IntegerField(
        null=True, blank=True, help_text=_("The deadline of the verdict that applied at intake.")
    )
    resolved_at = models.DateTimeField(
        null=True, blank=True, db_column="settled_at", help_text=_("When a person's verdict resolved the part.")
    )
    queue_sort_key = models.DateTimeField(
        null=True,
        blank=True,
        db_column="queue_time",
        help_text=_(
            "Rank in the review queue: the time of arrival, or earlier if a review of this part is worth more."
        ),
    )
    similarity = models.FloatField(
        null=True,
        blank=True,
        db_column="likeness",
        help_text=_("Similarity to the parts that reviewers see earlier: 1 for a near-duplicate."),
    )
    duplicate_of = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_column="repeat_of_id",
        db_index=False,
        related_name="duplicates",
        help_text=_("The first part of the group of near-duplicates that this part belongs to."),
    )

    inclusion_probability = models.FloatField(
        null=True,
        blank=True,
        db_column="inclusion",
        help_text=_("Probability that a part like this is reviewed. The weight of its label is 1 divided by it."),
    )
    holdout = models.BooleanField(
        null=True,
        blank=True,
        editable=False,
        help_text=_(
            "Locked holdout: no version is trained on the part, each is tested on it. Assigned with the first label."
        ),
    )
    human_verdict = models.CharField(  # noqa: DJ001 (no label yet)
        max_length=6,
        choices=Verdict,
        null=True,
        blank=True,
        editable=False,
        db_column="person_says",
        help_text="Verdict of the standing label. Database triggers keep it up to date.",
    )

    # Not stored. True if an earlier request with the same idempotency key or an earlier import created the row.
    already_received = False

    objects = InspectionQuerySet.as_manager()

    class Meta:
        ordering = ["-received_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["station", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="idempotency_key_once_per_station",
            ),
            # Repeated and concurrent imports of an image find the existing row.
            models.UniqueConstraint(
                fields=["product", "image_sha256"],
                condition=Q(source="import"),
                name="imported_image_once_per_product",
            ),
            models.CheckConstraint(
                condition=~Q(state="decided") | Q(verdict__isnull=False), name="decided_inspection_has_a_verdict"
            ),
        ]
        indexes = INDEXES
        triggers = [
            pgtrigger.Protect(name="verdict_is_final", operation=pgtrigger.Update, condition=decision_changed()),
        ]

    def __str__(self) -> str:
        return self.part_id or self.original_filename or str(self.pk)

    @property
    def deadline_kept(self) -> bool | None:
        """Return True if the verdict came within the deadline; None without a deadline or a verdict."""
        if self.deadline_ms is None or self.latency_ms is None:
            return None
        return self.latency_ms <= self.deadline_ms

    @property
    def novelty_ratio(self) -> float | None:
        """Return deciding novelty over threshold: above 1 exactly if suspected; None without scores."""
        ratio = self.novelty
        # Old parts were scored by the autoencoder alone.
        if ratio is None and self.reconstruction_error is not None and self.anomaly_threshold:
            ratio = self.reconstruction_error / self.anomaly_threshold
        if ratio is None or not math.isfinite(ratio):
            return None
        return max(ratio, math.nextafter(1, 2)) if self.novel_defect_suspected else min(ratio, 1.0)
