"""Products, stations, and every inspected image with its verdict."""

from __future__ import annotations

import math
import uuid
from datetime import time

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from rest_framework_api_key.models import AbstractAPIKey

from inspection.finality import decision_changes
from inspection.fingerprints import Fingerprint as Fingerprint
from inspection.inspection_sets import InspectionQuerySet as InspectionQuerySet
from inspection.score_maps import ScoreMaps as ScoreMaps
from inspection.validators import validate_inner_share, validate_rate, validate_roi, validate_training_settings
from inspection.words import PickStrategy as PickStrategy
from inspection.words import Reason as Reason
from inspection.words import Verdict as Verdict
from mltasks.models import ModelVersion, RegisteredModel
from mltasks.vision.promise import EscapePromise
from mltasks.vision.types import Costs, TrainConfig


class Product(models.Model):
    """What a line makes: its registered model, its costs, its escape promise and its routing policy."""

    slug = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=120)
    registered_model = models.OneToOneField(RegisteredModel, on_delete=models.PROTECT, related_name="product")
    fn_cost = models.FloatField("cost of an escape", default=5.0, validators=[MinValueValidator(0.001)])
    fp_cost = models.FloatField("cost of a false alarm", default=1.0, validators=[MinValueValidator(0.001)])
    review_cost = models.FloatField("cost of one review", default=0.2, validators=[MinValueValidator(0.0)])
    defect_rate = models.FloatField(
        null=True,
        blank=True,
        validators=[validate_inner_share],
        help_text="Share of defective parts on the line, such as 0.02; empty: that of the labels.",
    )
    # Defaults of the database as well: the program before this migration may still add products.
    escape_promise = models.FloatField(
        "promised escape rate",
        default=0.05,
        db_default=0.05,
        validators=[validate_rate],
        help_text="At most this share of defective parts passes with nobody looking; 1 promises nothing.",
    )
    escape_confidence = models.FloatField(
        "confidence of the promise",
        default=0.95,
        db_default=0.95,
        validators=[validate_inner_share],
        help_text="How sure the promise is; surer takes more labels: at 5 % and 0.95, 59 defective parts.",
    )
    audit_share = models.FloatField(
        default=0.01,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text="Share of sure PASS parts that a person looks at anyway, to measure what escapes.",
    )
    pick_strategy = models.CharField(
        "order of the review queue",
        max_length=20,
        choices=PickStrategy,
        default=PickStrategy.EXPECTED_COST,
        db_default=PickStrategy.EXPECTED_COST,
        help_text="What earns a part an early look: at most a day before its turn. Near-duplicates keep their turn.",
    )
    ranked_by = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)
    retrain_nightly = models.BooleanField(default=True)
    retrain_at = models.TimeField(default=time(2, 0), help_text="Local time at which a night's retraining is due.")
    training_settings = models.JSONField(
        default=dict,
        blank=True,
        validators=[validate_training_settings],
        help_text='Overrides of the training defaults, such as {"max_epochs": 20}.',
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(fn_cost__gt=0, fp_cost__gt=0, review_cost__gte=0), name="product_costs_are_positive"
            ),
            models.CheckConstraint(
                condition=Q(defect_rate__isnull=True) | Q(defect_rate__gt=0, defect_rate__lt=1),
                name="product_defect_rate_is_a_share",
            ),
            models.CheckConstraint(
                condition=Q(
                    escape_promise__gt=0, escape_promise__lte=1, escape_confidence__gt=0, escape_confidence__lt=1
                ),
                name="product_escape_promise_can_be_kept",
            ),
            models.CheckConstraint(
                condition=Q(audit_share__gte=0, audit_share__lte=1), name="product_audit_share_is_a_share"
            ),
            models.CheckConstraint(
                condition=Q(pick_strategy__in=PickStrategy.values), name="product_pick_strategy_is_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse costs that are no numbers: NaN passes every comparison, in PostgreSQL too."""
        super().clean()
        for name in ("fn_cost", "fp_cost", "review_cost"):
            if not math.isfinite(getattr(self, name)):
                raise ValidationError({name: "A cost is a finite number."})

    @property
    def costs(self) -> Costs:
        """The product's costs, from which the thresholds follow."""
        return Costs(fn=self.fn_cost, fp=self.fp_cost, review=self.review_cost)

    @property
    def promise(self) -> EscapePromise:
        """What the product promises of the parts that pass with nobody looking."""
        return EscapePromise(rate=self.escape_promise, confidence=self.escape_confidence)

    def train_config(self) -> TrainConfig:
        """The config its next training run starts with."""
        backbone = {"backbone": settings.BACKBONE, "backbone_weights": settings.BACKBONE_WEIGHTS}
        promise = {"escape_rate": self.escape_promise, "escape_confidence": self.escape_confidence}
        line = {**promise, "defect_rate": self.defect_rate, "costs": self.costs}
        return TrainConfig.from_json({**backbone, **self.training_settings, **line})


class Station(models.Model):
    """A camera station of a product."""

    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="stations")
    name = models.SlugField(max_length=80)
    roi = models.CharField(
        "region of interest",
        max_length=40,
        blank=True,
        validators=[validate_roi],
        help_text="X,Y,W,H in pixels of the upright image; empty is the whole image.",
    )
    urgent = models.BooleanField(
        default=False,
        db_default=False,
        help_text="People see its parts before others, unless those have waited for a day and more.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["product", "name"]
        constraints = [models.UniqueConstraint(fields=["product", "name"], name="station_name_once_per_product")]

    def __str__(self) -> str:
        return f"{self.product.slug}/{self.name}"


class StationKey(AbstractAPIKey):
    """An API key of a station, stored hashed; the key itself is shown once."""

    station = models.ForeignKey(Station, on_delete=models.CASCADE, related_name="keys")

    class Meta(AbstractAPIKey.Meta):
        verbose_name = "station key"
        verbose_name_plural = "station keys"


class Inspection(models.Model):
    """One image of one part, from the moment it is safe on disk."""

    class State(models.TextChoices):
        PENDING = "pending", "Waiting for its score"
        DECIDED = "decided", "Decided"
        IMPORTED = "imported", "Imported with its label"

    class Source(models.TextChoices):
        STATION = "station", "Camera station"
        UPLOAD = "upload", "Dashboard"
        IMPORT = "import", "Imported folder"

    MAX_ATTEMPTS = 3

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="inspections")
    station = models.ForeignKey(Station, on_delete=models.PROTECT, null=True, blank=True, related_name="inspections")
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    source = models.CharField(max_length=10, choices=Source, default=Source.STATION)
    part_id = models.CharField(max_length=120, blank=True)
    title = models.CharField(max_length=200, blank=True, help_text="File name as it was sent.")
    metadata = models.JSONField(default=dict, blank=True)
    captured_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField(auto_now_add=True)

    image_name = models.CharField(max_length=200, help_text="Path of the stored image below MEDIA_ROOT.")
    image_sha256 = models.CharField(max_length=64, db_index=True)
    image_format = models.CharField(max_length=8)
    image_width = models.PositiveIntegerField()
    image_height = models.PositiveIntegerField()
    image_bytes = models.PositiveBigIntegerField()
    roi = models.CharField(max_length=40, blank=True, help_text="The station's region of interest at intake.")

    idempotency_key = models.CharField(max_length=200, blank=True)
    request_sha256 = models.CharField(max_length=64, blank=True)

    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    attempt = models.PositiveSmallIntegerField(default=0)
    lease_token = models.UUIDField(null=True, blank=True, help_text="Fences the write of a scorer that lost its lease.")
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    scoring_error = models.TextField(blank=True)

    verdict = models.CharField(max_length=6, choices=Verdict, null=True, blank=True)  # noqa: DJ001 (no verdict yet)
    reasons = ArrayField(models.CharField(max_length=20, choices=Reason), default=list, blank=True)
    label = models.CharField(max_length=6, choices=Verdict, null=True, blank=True)  # noqa: DJ001 (no model, no label)
    defect_probability = models.FloatField(null=True, blank=True)
    reconstruction_error = models.FloatField(null=True, blank=True)
    anomaly_threshold = models.FloatField(null=True, blank=True)
    novel_defect_suspected = models.BooleanField(null=True, blank=True)
    novelty = models.FloatField(null=True, blank=True, help_text="The novelty detector's score over its threshold.")
    model_version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="inspections"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    latency_ms = models.FloatField(null=True, blank=True, help_text="From the request's arrival to its verdict.")
    settled_at = models.DateTimeField(null=True, blank=True, help_text="When a person's verdict settled it.")
    queue_time = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Place in the review queue: its arrival, or earlier where a look is worth more.",
    )
    likeness = models.FloatField(null=True, blank=True, help_text="To what people see already: 1 for a near-duplicate.")

    objects = InspectionQuerySet.as_manager()

    class Meta:
        ordering = ["-received_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["station", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="idempotency_key_once_per_station",
            ),
            # An import that is run again, or twice at once, finds what is there.
            models.UniqueConstraint(
                fields=["product", "image_sha256"],
                condition=Q(source="import"),
                name="imported_image_once_per_product",
            ),
            models.CheckConstraint(
                condition=~Q(state="decided") | Q(verdict__isnull=False), name="decided_inspection_has_a_verdict"
            ),
        ]
        indexes = [
            # History pages: newest first, by product.
            models.Index(fields=["-received_at", "-id"], name="inspection_newest"),
            models.Index(fields=["product", "-received_at"], name="inspection_by_product"),
            models.Index(fields=["product", "part_id"], name="inspection_by_part", condition=~Q(part_id="")),
            # The review queue of a product, by place. No other index gives this order, so the planner is not tempted to
            # walk `inspection_newest` past all settled parts.
            models.Index(
                F("product"),
                Coalesce("queue_time", "received_at"),
                F("id"),
                name="inspection_queue_place",
                condition=Q(verdict="REVIEW", settled_at__isnull=True),
            ),
            # How long the oldest has waited. A waiting part has no `settled_at`, so this is the order of arrival.
            models.Index(
                F("product"),
                Coalesce("settled_at", "received_at"),
                F("id"),
                name="inspection_queue",
                condition=Q(verdict="REVIEW", settled_at__isnull=True),
            ),
            # Waiting parts that were not compared yet with what people see already.
            models.Index(
                fields=["product", "received_at"],
                name="inspection_unjudged",
                condition=Q(verdict="REVIEW", settled_at__isnull=True, likeness__isnull=True),
            ),
            # The sweeper: parts that a crash left without a score.
            models.Index(fields=["lease_expires_at"], name="inspection_unscored", condition=Q(state="pending")),
        ]
        triggers = [
            pgtrigger.Protect(name="verdict_is_final", operation=pgtrigger.Update, condition=decision_changes()),
        ]

    def __str__(self) -> str:
        return self.part_id or self.title or str(self.pk)
