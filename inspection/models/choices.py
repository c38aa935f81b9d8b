"""Choice values of inspection: verdicts, review reasons and queue strategies."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _


class Verdict(models.TextChoices):
    """Verdict on a part: PASS, FAIL or REVIEW."""

    PASS = "PASS", _("Pass")
    FAIL = "FAIL", _("Fail")
    REVIEW = "REVIEW", _("Review")


def verdict_label(value: str) -> str:
    """Return a verdict in the reader's language; any other value unchanged."""
    labels = {"PASS": gettext("PASS"), "FAIL": gettext("FAIL"), "REVIEW": gettext("REVIEW")}
    return labels.get(value, value)


class Reason(models.TextChoices):
    """Reason why a part goes to review."""

    LOW_CONFIDENCE = "low_confidence", _("The model is unsure")
    NOVEL_ANOMALY = "novel_anomaly", _("Differs from the training parts")
    NO_MODEL = "no_model", _("No champion yet")
    SCORING_FAILED = "scoring_failed", _("Scoring failed")
    AUDIT_SAMPLE = "audit_sample", _("Audit sample")
    DAMAGED_IMAGE = "damaged_image", _("The image file is damaged")
    DEADLINE = "deadline", _("No time for scores before the deadline")


class DeadlineAction(models.TextChoices):
    """Answer to a part that would miss its deadline under load."""

    LATE = "late", _("Answer late, with the model's verdict")
    REVIEW = "review", _("Answer REVIEW in time, and score the part afterwards")


class PickStrategy(models.TextChoices):
    """Strategy that ranks waiting parts; computed by ``mltasks.vision.serving.queue_priority``."""

    EXPECTED_COST = "expected_cost", _("Expected cost of passing the part")
    UNCERTAINTY = "uncertainty", _("The model's uncertainty")
    NOVELTY = "novelty", _("Novelty")
    DIVERSITY = "diversity", _("Diversity")
    RANDOM = "random", _("Random order")
