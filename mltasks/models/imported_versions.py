"""Model of the origin of an imported version."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from mltasks.models.model_fields import append_only, optional_user_field
from mltasks.models.trusted_plants import format_fingerprint


class ImportedVersion(models.Model):
    """Signed origin of a version that another plant exported. Append-only.

    The signed document is stored byte for byte, with the user who imported the version. ``plant`` is the name that the
    key had here at the import; renaming or deleting the trusted plant does not change the row.
    """

    version = models.OneToOneField("mltasks.ModelVersion", on_delete=models.PROTECT, related_name="imported")
    model = models.ForeignKey("mltasks.RegisteredModel", on_delete=models.PROTECT, related_name="imported_versions")
    sha256 = models.CharField(max_length=64, help_text="Digest of the whole directory.")
    plant = models.CharField(max_length=80)
    fingerprint = models.CharField(max_length=64)
    public_key = models.TextField()
    signature = models.BinaryField(help_text="Of the document's UTF-8 bytes.")
    document = models.TextField(help_text="The signed document: export.json, byte for byte.")
    product = models.CharField(max_length=80, help_text="Name of the product at the other plant.")
    number = models.PositiveIntegerField(help_text="Number of the version at the other plant.")
    good = models.PositiveIntegerField(null=True, help_text="Good images the version was trained on.")
    defective = models.PositiveIntegerField(null=True, help_text="Defective images the version was trained on.")
    imported_by = optional_user_field()
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-created_at"]
        constraints = [models.UniqueConstraint(fields=["model", "sha256"], name="version_imported_once_per_model")]
        triggers = [append_only("imported_version_is_immutable")]

    def __str__(self) -> str:
        return _("{product} version {number} of {plant}").format(
            product=self.product, number=self.number, plant=self.plant
        )

    @property
    def label_count(self) -> int | None:
        """Return the number of labels the version was trained on; None if unknown."""
        return None if self.good is None or self.defective is None else self.good + self.defective

    @property
    def fingerprint_text(self) -> str:
        """Return the fingerprint in sixteen groups of four characters."""
        return format_fingerprint(self.fingerprint)
