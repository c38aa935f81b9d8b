"""What a part looks like in four kilobytes, kept so that later parts can be compared with it without its image."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


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
