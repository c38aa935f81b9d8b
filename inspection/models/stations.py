"""Stations and their API keys."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from rest_framework_api_key.models import AbstractAPIKey

from inspection.models.products import Product, deadline_field, refuse_duplicate_name
from inspection.validators import validate_roi
from mltasks.vision.data.bit_depths import CAMERA_DEPTHS


class Station(models.Model):
    """A camera station of a product."""

    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="stations")
    name = models.SlugField(max_length=80)
    roi = models.CharField(
        _("region of interest"),
        max_length=40,
        blank=True,
        validators=[validate_roi],
        help_text=_("X,Y,W,H in pixels of the upright image; empty is the whole image."),
    )
    bit_depth = models.PositiveSmallIntegerField(
        _("bit depth"),
        null=True,
        blank=True,
        choices=[(depth, str(depth)) for depth in CAMERA_DEPTHS],
        help_text=_(
            "Bits of the 16-bit values that the camera uses, if its files do not state them. Empty: derived from the "
            "images. Changes apply from the next image on."
        ),
    )
    urgent = models.BooleanField(
        default=False,
        db_default=False,
        help_text=_(
            "Reviewers see the parts of this station first, unless other parts have waited for more than a day."
        ),
    )
    deadline_ms = deadline_field(_("Time from a request's arrival to its verdict. Empty: the product's deadline."))
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["product", "name"]
        constraints = [models.UniqueConstraint(fields=["product", "name"], name="station_name_once_per_product")]

    def __str__(self) -> str:
        return f"{self.product.slug}/{self.name}"

    def clean(self) -> None:
        """Refuse a name that differs from another station's only in case. Raises ValidationError."""
        super().clean()
        if self._state.adding and self.product_id:
            refuse_duplicate_name(Station.objects.filter(product=self.product_id), "name", self.name)


class StationKey(AbstractAPIKey):
    """API key of a station, stored as a hash; the key itself is shown once."""

    station = models.ForeignKey(Station, on_delete=models.CASCADE, related_name="keys")

    class Meta(AbstractAPIKey.Meta):
        verbose_name = _("station key")  # type: ignore[assignment]  # the package declares plain strings
        verbose_name_plural = _("station keys")  # type: ignore[assignment]
