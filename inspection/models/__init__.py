"""Models of inspections, products, stations, replays and policy changes."""

from __future__ import annotations

from inspection.models.choices import DeadlineAction, PickStrategy, Reason, Verdict
from inspection.models.fast_paths import FastPath
from inspection.models.image_descriptors import Embedding, Fingerprint, ScoreMaps
from inspection.models.inspections import Inspection, InspectionQuerySet
from inspection.models.policy_changes import PolicyChange
from inspection.models.products import Product
from inspection.models.promotion_policy import PromotionPolicy
from inspection.models.removed_parts import RemovedParts
from inspection.models.replays import Challenge, ChallengeQuerySet, Replay, ReplayQuerySet, Rescore, RescoreQuerySet
from inspection.models.stations import Station, StationKey

__all__ = [
    "Challenge",
    "ChallengeQuerySet",
    "DeadlineAction",
    "Embedding",
    "FastPath",
    "Fingerprint",
    "Inspection",
    "InspectionQuerySet",
    "PickStrategy",
    "PolicyChange",
    "Product",
    "PromotionPolicy",
    "Reason",
    "RemovedParts",
    "Replay",
    "ReplayQuerySet",
    "Rescore",
    "RescoreQuerySet",
    "ScoreMaps",
    "Station",
    "StationKey",
    "Verdict",
]
