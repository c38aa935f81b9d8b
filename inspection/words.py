"""The fixed words of inspection: verdicts, why a part goes to a person, and in which order people see parts."""

from __future__ import annotations

from django.db import models


class Verdict(models.TextChoices):
    """What happens to a part."""

    PASS = "PASS", "Pass"
    FAIL = "FAIL", "Fail"
    REVIEW = "REVIEW", "Review"


class Reason(models.TextChoices):
    """Why a part goes to a person."""

    LOW_CONFIDENCE = "low_confidence", "The model is unsure"
    NOVEL_ANOMALY = "novel_anomaly", "Unlike any labeled part"
    NO_MODEL = "no_model", "No champion yet"
    SCORING_FAILED = "scoring_failed", "Could not be scored"
    AUDIT_SAMPLE = "audit_sample", "Drawn for audit"


class PickStrategy(models.TextChoices):
    """What makes a waiting part worth an early look; computed by ``mltasks.vision.queue_order``."""

    EXPECTED_COST = "expected_cost", "Expected cost of letting it pass"
    UNCERTAINTY = "uncertainty", "The model's uncertainty"
    NOVELTY = "novelty", "Novelty"
    DIVERSITY = "diversity", "Diversity"
    RANDOM = "random", "Chance"
