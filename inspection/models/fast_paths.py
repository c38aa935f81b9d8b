"""Model of a learned fast path."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from mltasks.models import ModelVersion
from mltasks.models.model_fields import append_only
from mltasks.vision.guarantees.screening_certificate import Certificate


class FastPath(models.Model):
    """Screening network of one version for one product, with its certificate: a directory on disk and its sha256."""

    product = models.ForeignKey("inspection.Product", on_delete=models.PROTECT, related_name="fast_paths")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="fast_paths")
    bundle = models.CharField(max_length=200, unique=True, help_text=_("Directory below the versions folder."))
    sha256 = models.CharField(max_length=64, help_text=_("Digest of the whole directory."))
    meta = models.JSONField(help_text=_("Content of meta.json in the directory."))
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        triggers = [append_only("fast_path_is_immutable")]

    def __str__(self) -> str:
        return f"{self.version}, {self.bundle}"

    @property
    def path(self) -> Path:
        """Return the directory on this machine."""
        return Path(settings.VERSIONS_DIR) / self.bundle

    @property
    def certificate(self) -> Certificate:
        """Return the line and the bounds that hold below it."""
        return Certificate.from_json(self.meta["certificate"])
