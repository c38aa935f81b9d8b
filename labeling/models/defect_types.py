"""Defect types of a product, and example parts."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from inspection.models import Inspection, Product
from labeling.models.type_names import MAX_TYPE_NAME_LENGTH, validate_type_name

# Okabe and Ito (2008), without the colors of PASS and FAIL.
PALETTE = ("#E69F00", "#56B4E9", "#F0E442", "#0072B2", "#CC79A7", "#999999")


class DefectType(models.Model):
    """Kind of defect of a product.

    A merged type refers to the type it was merged into. Labels given under its name are unchanged and count for that
    type.
    """

    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="defect_types")
    name = models.CharField(max_length=MAX_TYPE_NAME_LENGTH, db_index=True, validators=[validate_type_name])
    key = models.CharField(
        max_length=1,
        blank=True,
        validators=[RegexValidator(r"^[1-9]$", _("A key is one digit from 1 to 9."))],
        help_text=_("Digit key that fails a part with this type in one keystroke."),
    )
    colour = models.CharField(
        max_length=7,
        blank=True,
        default="",
        db_default="",
        validators=[
            RegexValidator(r"^#[0-9a-fA-F]{6}$", _("A color is # and six hexadecimal digits, such as #D55E00."))
        ],
        help_text=_("Color of the mark beside the name, such as #D55E00. Empty: a color of the palette."),
    )
    merged_into = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="merged")
    merged_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["product", "key", "name"]
        constraints = [
            models.UniqueConstraint(fields=["product", "name"], name="defect_type_once_per_product"),
            models.UniqueConstraint(
                fields=["product", "key"], condition=~Q(key=""), name="defect_type_key_once_per_product"
            ),
            models.CheckConstraint(
                condition=Q(merged_into__isnull=True, merged_at__isnull=True)
                | (Q(merged_into__isnull=False, merged_at__isnull=False, key="") & ~Q(merged_into=F("id"))),
                name="merged_defect_type_has_no_key",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def current(self) -> DefectType:
        """Return the type that these labels count for; merges flatten chains to one step."""
        return self.merged_into or self

    @property
    def display_colour(self) -> str:
        """Return the type's own color, or one of the palette, which types may share."""
        return self.colour or PALETTE[(int(self.key or self.pk or 1) - 1) % len(PALETTE)]


def current_type_name(defect_type: DefectType | None) -> str:
    """Return the name that a label's type has today; empty if no type was named."""
    return defect_type.current.name if defect_type else ""


class DefectExample(models.Model):
    """Part that a person chose as an example of a defect type."""

    defect_type = models.ForeignKey(DefectType, on_delete=models.CASCADE, related_name="examples")
    inspection = models.ForeignKey(Inspection, on_delete=models.PROTECT, related_name="+")
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["defect_type", "inspection"], name="example_once_per_defect_type"),
        ]

    def __str__(self) -> str:
        return f"{self.inspection} shows {self.defect_type}"
