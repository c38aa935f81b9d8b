"""Models of registered models, snapshots, runs, versions, promotions and trusted plants."""

from __future__ import annotations

from mltasks.models.imported_versions import ImportedVersion
from mltasks.models.pretraining_runs import BackboneRun, BackboneRunQuerySet
from mltasks.models.promotions import Approval, Promotion, Verification
from mltasks.models.runs import Run, RunQuerySet, RunState
from mltasks.models.snapshots import DatasetSnapshot, RegisteredModel, SnapshotItem
from mltasks.models.training_runs import TrainingRun, TrainingRunQuerySet
from mltasks.models.trusted_plants import TrustedPlant
from mltasks.models.verification_runs import VerifyingRun, VerifyingRunQuerySet
from mltasks.models.versions import EvaluationReport, ModelVersion, ModelVersionQuerySet

__all__ = [
    "Approval",
    "BackboneRun",
    "BackboneRunQuerySet",
    "DatasetSnapshot",
    "EvaluationReport",
    "ImportedVersion",
    "ModelVersion",
    "ModelVersionQuerySet",
    "Promotion",
    "RegisteredModel",
    "Run",
    "RunQuerySet",
    "RunState",
    "SnapshotItem",
    "TrainingRun",
    "TrainingRunQuerySet",
    "TrustedPlant",
    "Verification",
    "VerifyingRun",
    "VerifyingRunQuerySet",
]
