"""The version that a page's or REST's address names."""

from __future__ import annotations

from django.shortcuts import get_object_or_404

from mltasks.models import ModelVersion


def version_of(model: str, number: int) -> ModelVersion:
    """The version with its report, its run and where it came from. Raises Http404."""
    return get_object_or_404(ModelVersion.objects.with_origin(), model__name=model, number=number)
