"""Rows of this floor: labels, reviews, claims, skips, defect types and rechecks."""

from __future__ import annotations

from labeling.models.claims import Claim, ClaimQuerySet, Skip
from labeling.models.defect_types import DefectExample, DefectType
from labeling.models.labels import Label, LabelQuerySet, LabelUndo, Review
from labeling.models.rechecks import Recheck, RecheckQuerySet

__all__ = [
    "Claim",
    "ClaimQuerySet",
    "DefectExample",
    "DefectType",
    "Label",
    "LabelQuerySet",
    "LabelUndo",
    "Recheck",
    "RecheckQuerySet",
    "Review",
    "Skip",
]
