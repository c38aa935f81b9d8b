"""Admin pages of models, versions, runs and plants."""

from __future__ import annotations

from mltasks.admin import plants, registry, runs, verifications, versions

__all__ = ["plants", "registry", "runs", "verifications", "versions"]
