"""Where a verdict came from, kept small beside it: read by the workbench without the model and without the image."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


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
