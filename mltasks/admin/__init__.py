"""Admin pages of models, versions, runs and plants."""

from __future__ import annotations

from mltasks.admin import plants, pretraining_runs, registry, training_runs, verifications, versions

__all__ = ["plants", "pretraining_runs", "registry", "training_runs", "verifications", "versions"]
