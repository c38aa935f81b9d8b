"""Promotion policy of a product: its gate's requirements and the locked holdout's share.

A new product requires a replay, and recall and cost not worse than the champion's. A first version has no champion, so
these requirements do not apply to it. `inspection.promotion.gate_checks` evaluates every promotion.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from inspection.validators import validate_inner_share
from mltasks.models.model_fields import share_constraint, share_field

DEFAULT_HOLDOUT_SHARE = 0.2
GATE_FIELDS = (
    "gate_labels",
    "gate_recall",
    "gate_champion_recall",
    "gate_cost",
    "gate_replay",
    "gate_escapes",
    "gate_reproducible",
    "gate_second_person",
)
# Fields whose changes are recorded.
PROMOTION_FIELDS = ("holdout_share", *GATE_FIELDS, "promote_nightly")


class PromotionPolicy(models.Model):
    """Abstract base of products: requirements that the next champion must meet."""

    holdout_share = share_field(
        _("share of labels in the locked holdout"),
        default=DEFAULT_HOLDOUT_SHARE,
        help_text=_(
            "Sampled by part from the hundredth label on. No version is trained on these parts, each is tested on them."
        ),
        limit=0.5,
    )
    gate_labels = models.PositiveIntegerField(
        _("minimum number of labels"),
        default=0,
        db_default=0,
        help_text=_("A version must be trained on at least this many labels."),
    )
    gate_recall = models.FloatField(
        _("minimum recall"),
        null=True,
        blank=True,
        validators=[validate_inner_share],
        help_text=_(
            "Recall on the locked holdout: the lower end of its 95 % interval must be at least this. "
            "Empty: no requirement."
        ),
    )
    gate_champion_recall = models.BooleanField(
        _("recall not below the champion's"),
        default=True,
        db_default=True,
        help_text=_(
            "On the labeled parts of the replay, the version must not pass more defective parts than the champion."
        ),
    )
    gate_cost = models.BooleanField(
        _("cost not above the champion's"),
        default=True,
        db_default=True,
        help_text=_("On the labeled parts of the replay, the cost per 1000 parts must not be above the champion's."),
    )
    gate_replay = models.BooleanField(
        _("replayed"),
        default=True,
        db_default=True,
        help_text=_("The version must have scored the line's stored parts in a replay against the current champion."),
    )
    gate_escapes = models.PositiveIntegerField(
        _("maximum of new escapes"),
        null=True,
        blank=True,
        help_text=_(
            "At most this many defective parts of the replay may pass that the champion stopped. Empty: no requirement."
        ),
    )
    gate_reproducible = models.BooleanField(
        _("reproducible"),
        default=False,
        db_default=False,
        help_text=_("A verification must have retrained the version from its snapshot with the same result."),
    )
    gate_second_person = models.BooleanField(
        _("approved by a second person"),
        default=False,
        db_default=False,
        help_text=_("Another person than the one who promotes must have approved the version."),
    )
    promote_nightly = models.BooleanField(
        _("promote nightly versions automatically"),
        default=False,
        db_default=False,
        help_text=_("A nightly version becomes champion without a person if all required checks passed."),
    )

    class Meta:
        abstract = True
        constraints = [
            share_constraint("holdout_share", "product_holdout_share_is_a_share", limit=0.5),
            models.CheckConstraint(
                condition=Q(gate_recall__isnull=True) | Q(gate_recall__gt=0, gate_recall__lt=1),
                name="product_gate_recall_is_a_share",
            ),
        ]
