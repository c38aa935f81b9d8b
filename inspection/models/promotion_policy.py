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
        _("share of labels that are locked"),
        default=DEFAULT_HOLDOUT_SHARE,
        help_text=_(
            "Drawn by part from the hundredth label on: no version learns from them, each is measured on them."
        ),
        limit=0.5,
    )
    gate_labels = models.PositiveIntegerField(
        _("least number of labels"),
        default=0,
        db_default=0,
        help_text=_("So many labels stand behind a version, at least."),
    )
    gate_recall = models.FloatField(
        _("least recall"),
        null=True,
        blank=True,
        validators=[validate_inner_share],
        help_text=_(
            "Of the defective parts of the locked holdout, the share that does not pass: the lower end of its 95 % "
            "interval is at least this. Empty: not asked."
        ),
    )
    gate_champion_recall = models.BooleanField(
        _("recall not below the champion's"),
        default=True,
        db_default=True,
        help_text=_("On the labeled parts of the replay, no more defective parts pass than by the champion."),
    )
    gate_cost = models.BooleanField(
        _("cost not above the champion's"),
        default=True,
        db_default=True,
        help_text=_("On the labeled parts of the replay, 1000 parts cost no more than by the champion."),
    )
    gate_replay = models.BooleanField(
        _("replayed"),
        default=True,
        db_default=True,
        help_text=_("The line's own history was scored by it, beside the present champion."),
    )
    gate_escapes = models.PositiveIntegerField(
        _("most new escapes"),
        null=True,
        blank=True,
        help_text=_("Defective parts of the replay that escape it and not the champion. Empty: not asked."),
    )
    gate_reproducible = models.BooleanField(
        _("reproducible"),
        default=False,
        db_default=False,
        help_text=_("It was learned again from its snapshot, and came out the same."),
    )
    gate_second_person = models.BooleanField(
        _("approved by a second person"),
        default=False,
        db_default=False,
        help_text=_("Somebody else than who promotes it has approved it."),
    )
    promote_nightly = models.BooleanField(
        _("nightly versions promote themselves"),
        default=False,
        db_default=False,
        help_text=_("A version of the night takes over without a person where all that is asked holds."),
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
