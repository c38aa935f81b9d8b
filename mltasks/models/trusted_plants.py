"""Model of a trusted plant, whose exported versions may be imported."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from mltasks.models.model_fields import optional_user_field


def format_fingerprint(fingerprint: str) -> str:
    """Return the fingerprint in sixteen groups of four characters, to read aloud."""
    return " ".join(fingerprint[at : at + 4] for at in range(0, len(fingerprint), 4))


class TrustedPlant(models.Model):
    """Name of a public key whose fingerprint a person has compared.

    Deleting the row ends the trust; versions imported earlier stay.
    """

    name = models.CharField(max_length=80, unique=True)
    public_key = models.TextField(help_text=_("The three lines that `plant_key` prints at the other plant."))
    fingerprint = models.CharField(
        max_length=64, unique=True, help_text=_("As the other plant reads it to you, for example by telephone.")
    )
    added_by = optional_user_field()
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def fingerprint_text(self) -> str:
        """Return the fingerprint in sixteen groups of four characters."""
        return format_fingerprint(self.fingerprint)
