"""Base of REST views that change a version's state."""

from __future__ import annotations

from rest_framework.response import Response

from mltasks.api.default_permission import CanViewVersions, requires
from mltasks.api.steps import StepView
from mltasks.models import ModelVersion
from mltasks.refusals import Refusal
from mltasks.registry import registry
from mltasks.web.selection import get_version_or_404

MayPromote = requires(registry.PROMOTE_PERMISSION, "You may not promote versions.")


class FilesDamaged(Refusal):
    """Refusal of a version whose files are damaged."""

    code = "bundle_corrupt"


class VersionStep(StepView):
    """Base of steps on one version."""

    permission_classes = [CanViewVersions, MayPromote]

    def target(self, *, product: str, number: int) -> ModelVersion:
        """Return the addressed version. Raises Http404."""
        return get_version_or_404(product, number)

    def handle_exception(self, exc: Exception) -> Response:
        """Answer a damaged version as a refusal."""
        return super().handle_exception(FilesDamaged(str(exc)) if isinstance(exc, registry.BundleCorrupt) else exc)
