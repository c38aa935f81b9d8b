"""Products with their costs, escape guarantee, routing, training and promotion policy."""

from __future__ import annotations

import math
from datetime import time
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from inspection.models.choices import DeadlineAction, PickStrategy
from inspection.models.policy_changes import policy_record_trigger
from inspection.models.promotion_policy import PromotionPolicy
from inspection.validators import validate_inner_share, validate_rate, validate_training_settings
from mltasks.models import RegisteredModel
from mltasks.models.model_fields import share_constraint, share_field
from mltasks.vision.guarantees.escape_guarantee import EscapeRateGuarantee
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.types import Costs

# Texts that code readers of several makers send for unreadable codes, and that programs write for missing values.
PLACEHOLDER_PART_IDS = """\
NOREAD
NOCODE
NODATA
BADREAD
MISREAD
READERROR
UNREADABLE
ERROR
ERR
FAIL
FAILED
TIMEOUT
INVALID
UNKNOWN
UNDEFINED
EMPTY
NULL
NONE
NIL
N/A
NAN
0
X
"""
# Longest deadline, in milliseconds: a part waits less for its admission.
MAX_DEADLINE_MS = 60_000


def deadline_field(help_text: Any) -> models.PositiveIntegerField[Any, Any]:
    """Return the field of a deadline in milliseconds; empty for none."""
    return models.PositiveIntegerField(
        _("deadline (ms)"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_DEADLINE_MS)],
        help_text=help_text,
    )


class Product(PromotionPolicy):
    """Product of a line: registered model, costs, escape guarantee, routing, promotion policy."""

    slug = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=120)
    registered_model = models.OneToOneField(RegisteredModel, on_delete=models.PROTECT, related_name="product")
    fn_cost = models.FloatField(_("cost of an escape"), default=5.0, validators=[MinValueValidator(0.001)])
    fp_cost = models.FloatField(_("cost of a false alarm"), default=1.0, validators=[MinValueValidator(0.001)])
    review_cost = models.FloatField(_("cost of one review"), default=0.2, validators=[MinValueValidator(0.0)])
    defect_rate = models.FloatField(
        _("share of defective parts"),
        null=True,
        blank=True,
        validators=[validate_inner_share],
        help_text=_("Share of defective parts on the line, such as 0.02; empty: that of the labels."),
    )
    # Database defaults too, because the program before this migration may still add products.
    escape_promise = models.FloatField(
        _("guaranteed escape rate"),
        default=0.05,
        db_default=0.05,
        validators=[validate_rate],
        help_text=_("At most this share of the defective parts passes without review. 1 means no guarantee."),
    )
    escape_confidence = models.FloatField(
        _("confidence of the guarantee"),
        default=0.95,
        db_default=0.95,
        validators=[validate_inner_share],
        help_text=_(
            "Confidence of the guarantee. A higher confidence needs more labels: 5 % at 0.95 needs 59 defective parts."
        ),
    )
    audit_share = models.FloatField(
        _("audited share of sure PASS parts"),
        default=0.01,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text=_("Share of the sure PASS parts that a person reviews blind, to find escapes."),
    )
    fail_audit_share = share_field(
        _("audited share of sure FAIL parts"),
        default=0.01,
        help_text=_("Share of the sure FAIL parts that a person reviews blind, to find false alarms."),
    )
    fast_path_enabled = models.BooleanField(
        _("fast path"),
        blank=True,
        default=False,
        db_default=False,
        help_text=_(
            "A small network passes plainly good parts alone; a worker scores these parts later. It starts once it has "
            "been learned from enough stored parts, and is learned again at night after a promotion."
        ),
    )
    fast_path_leak = models.FloatField(
        _("share that the fast path may let through"),
        blank=True,  # a form without this field leaves the value unchanged
        default=0.01,
        db_default=0.01,
        validators=[validate_inner_share],
        help_text=_(
            "At most this share of the parts that the full model does not pass are passed by the fast path, with 95 % "
            "confidence. 0.01 needs 299 such parts."
        ),
    )
    fast_path = models.ForeignKey(
        "inspection.FastPath",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        db_index=False,
        related_name="+",
        help_text=_("The newest learned fast path. It serves only its own version and bands."),
    )
    second_share = share_field(
        _("share of double reviews"),
        default=0.05,
        help_text=_(
            "Share of the reviewed parts that a second person reviews blind. A third person decides if the two differ."
        ),
    )
    repeat_share = share_field(
        _("share of repeat reviews"),
        default=0.02,
        help_text=_("Share of the reviewed parts that the same person reviews again blind, a day later."),
    )
    pick_strategy = models.CharField(
        _("order of the review queue"),
        max_length=20,
        choices=PickStrategy,
        default=PickStrategy.EXPECTED_COST,
        db_default=PickStrategy.EXPECTED_COST,
        help_text=_("What moves a part forward in the queue, by at most a day. Near-duplicates are not moved."),
    )
    ranking_fingerprint = models.CharField(
        max_length=64, blank=True, default="", db_default="", editable=False, db_column="ranked_by"
    )
    retrain_nightly = models.BooleanField(_("retrain at night"), default=True)
    retrain_at = models.TimeField(
        _("retrain at"), default=time(2, 0), help_text=_("Local time at which the nightly retraining starts.")
    )
    training_settings = models.JSONField(
        _("training settings"),
        default=dict,
        blank=True,
        validators=[validate_training_settings],
        help_text=_('Overrides of the training defaults, such as {"max_epochs": 20}.'),
    )
    placeholder_part_ids = models.TextField(
        _("part ids that name no part"),
        blank=True,
        default=PLACEHOLDER_PART_IDS,
        db_default=PLACEHOLDER_PART_IDS,
        help_text=_(
            "What code readers send when they cannot read a code, one value a line. Case, spaces and punctuation are "
            "ignored. A single character, such as 0, also matches any number of it. Images with such an id are not "
            "treated as one part."
        ),
    )
    shared_part_ids = models.JSONField(
        default=dict,
        blank=True,
        db_default={},
        editable=False,
        help_text=_(
            "Part ids that too many images share to identify one part, each with its share. Updated every hour."
        ),
    )
    min_image_side = models.PositiveSmallIntegerField(
        _("smallest image side"),
        blank=True,  # a form without this field leaves the value unchanged
        default=16,
        db_default=16,
        validators=[MinValueValidator(1)],
        help_text=_("Pixels. Images and regions of interest with a shorter side are refused."),
    )
    deadline_ms = deadline_field(
        _("Time from a request's arrival to its verdict that stations rely on. Empty: no deadline.")
    )
    deadline_action = models.CharField(
        _("parts that would miss it under load"),
        max_length=10,
        choices=DeadlineAction,
        default=DeadlineAction.LATE,
        db_default=DeadlineAction.LATE,
        help_text=_(
            "A part answered REVIEW in time has the reason “deadline”. A worker scores it afterwards; its verdict "
            "stays."
        ),
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            *PromotionPolicy.Meta.constraints,
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
            share_constraint("audit_share", "product_audit_share_is_a_share"),
            share_constraint("fail_audit_share", "product_fail_audit_share_is_a_share"),
            models.CheckConstraint(
                condition=Q(fast_path_leak__gt=0, fast_path_leak__lt=1), name="product_fast_path_leak_is_a_share"
            ),
            models.CheckConstraint(
                condition=Q(second_share__gte=0, repeat_share__gte=0, second_share__lte=1 - F("repeat_share")),
                name="product_judges_a_part_again_once",
            ),
            models.CheckConstraint(
                condition=Q(pick_strategy__in=PickStrategy.values), name="product_pick_strategy_is_known"
            ),
            models.CheckConstraint(
                condition=Q(deadline_action__in=DeadlineAction.values), name="product_deadline_action_is_known"
            ),
        ]
        triggers = [policy_record_trigger()]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse infinite costs and NaN, which passes comparisons, and slugs equal except for case."""
        super().clean()
        if self._state.adding:
            refuse_duplicate_name(Product.objects.all(), "slug", self.slug)
        for name in ("fn_cost", "fp_cost", "review_cost"):
            if not math.isfinite(getattr(self, name)):
                raise ValidationError({name: "A cost is a finite number."})
        if self.min_image_side is None:
            raise ValidationError({"min_image_side": _("This field is required.")})
        if self.second_share + self.repeat_share > 1:
            raise ValidationError(_("The shares of double reviews and repeat reviews must not exceed 1 together."))

    @property
    def costs(self) -> Costs:
        """Return the product's costs, from which the thresholds are computed."""
        return Costs(fn=self.fn_cost, fp=self.fp_cost, review=self.review_cost)

    @property
    def escape_guarantee(self) -> EscapeRateGuarantee:
        """Return the guaranteed bound of the escape rate."""
        return EscapeRateGuarantee(rate=self.escape_promise, confidence=self.escape_confidence)

    @property
    def leak_guarantee(self) -> EscapeRateGuarantee:
        """Return the bound of the share that the fast path passes of the parts that the full graph does not pass."""
        return EscapeRateGuarantee(rate=self.fast_path_leak)

    def train_config(self) -> TrainConfig:
        """Return the config of the product's next training run."""
        backbone = {"backbone": settings.BACKBONE, "backbone_weights": settings.BACKBONE_WEIGHTS}
        promise = {"escape_rate": self.escape_promise, "escape_confidence": self.escape_confidence}
        line = {**promise, "defect_rate": self.defect_rate, "costs": self.costs}
        return TrainConfig.from_json({**backbone, **self.training_settings, **line})


def refuse_duplicate_name(rows: models.QuerySet[Any], field: str, name: str) -> None:
    """Raise ValidationError if a name differs from another one only in case.

    People and stations would confuse such names.
    """
    others = rows.filter(**{f"{field}__iexact": name}).exclude(**{field: name})
    if other := others.values_list(field, flat=True).first():
        reason = _("%(other)s exists already. Choose a name that differs in more than upper and lower case.") % {
            "other": other
        }
        raise ValidationError({field: reason})
