"""The fixed words of inspection: verdicts, why a part goes to a person, and in which order people see parts."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _


class Verdict(models.TextChoices):
    """What happens to a part."""

    PASS = "PASS", _("Pass")
    FAIL = "FAIL", _("Fail")
    REVIEW = "REVIEW", _("Review")


def verdict_label(value: str) -> str:
    """A verdict as pages show it, in the reader's language; any other value comes back as it is."""
    words = {"PASS": gettext("PASS"), "FAIL": gettext("FAIL"), "REVIEW": gettext("REVIEW")}
    return words.get(value, value)


class Reason(models.TextChoices):
    """Why a part goes to a person."""

    LOW_CONFIDENCE = "low_confidence", _("The model is unsure")
    NOVEL_ANOMALY = "novel_anomaly", _("Unlike any labeled part")
    NO_MODEL = "no_model", _("No champion yet")
    SCORING_FAILED = "scoring_failed", _("Could not be scored")
    AUDIT_SAMPLE = "audit_sample", _("Drawn for audit")
    DAMAGED_IMAGE = "damaged_image", _("The image file is damaged")


class PickStrategy(models.TextChoices):
    """What makes a waiting part worth an early look; computed by ``mltasks.vision.serving.queue_priority``."""

    EXPECTED_COST = "expected_cost", _("Expected cost of letting it pass")
    UNCERTAINTY = "uncertainty", _("The model's uncertainty")
    NOVELTY = "novelty", _("Novelty")
    DIVERSITY = "diversity", _("Diversity")
    RANDOM = "random", _("Chance")
