"""Figures of reports and replays: one name and one explanation per figure, on every page.

The stored keys are older. In a version's metrics ``escape_rate`` is the miss rate of the model alone, and
``routed_escape_rate`` is the escape rate. In the figures of a replay ``escape_rate`` is the escape rate.
"""

from __future__ import annotations

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Figure(NamedTuple):
    """Figure by the stored key of its metric, with title and explanation.

    Key figures are shown first on a version's page; compared figures are rows of comparisons.
    """

    name: str
    title: Promise
    explanation: Promise
    more_is_better: bool = True
    is_key: bool = False
    is_compared: bool = False

    @property
    def full_title(self) -> str:
        """Return title and explanation in one line."""
        return f"{self.title}: {self.explanation}"


ESCAPE_RATE = _("Escape rate"), _("defective parts that pass without review")
REVIEW_RATE = _("Review rate"), _("parts that people review")
MISS_RATE = Figure(
    "escape_rate",
    _("Miss rate of the model alone"),
    _("defective parts with model verdict PASS"),
    more_is_better=False,
    is_compared=True,
)
# Figures of a version's report, the most important first.
FIGURES = (
    Figure("recall", _("Recall"), _("defective parts that it fails"), is_key=True, is_compared=True),
    MISS_RATE,
    Figure("false_alarm_rate", _("False alarms"), _("good parts that it fails"), False, is_key=True, is_compared=True),
    Figure("routed_escape_rate", *ESCAPE_RATE, more_is_better=False, is_key=True),
    Figure("review_rate", *REVIEW_RATE, more_is_better=False, is_key=True, is_compared=True),
    Figure("precision", _("Precision"), _("failed parts that are defective"), is_key=True, is_compared=True),
    Figure("accuracy", _("Accuracy"), _("parts with the correct model verdict"), is_key=True),
    Figure("average_precision", _("Average precision"), _("over all thresholds; 100 % is perfect"), is_compared=True),
    Figure("auroc", _("AUROC"), _("chance that a defective part scores above a good one"), is_compared=True),
    Figure("calibration_error", _("Calibration error"), _("mean error of the probabilities"), more_is_better=False),
    Figure(
        "localization",
        _("Points at the marked defect"),
        _("failed parts with a mark or mask whose map peaks there"),
        is_key=True,
    ),
    Figure("novelty_auroc", _("Novelty AUROC"), _("chance that a defective part is more novel than a good one")),
    Figure("novelty_recall", _("Novelty recall"), _("defective parts that it calls novel")),
    Figure("novelty_false_alarm_rate", _("Novelty false alarms"), _("good parts that it calls novel"), False),
)
# Figures of a replay on the locked holdout, by verdicts that include reviews.
HOLDOUT_FIGURES = (
    Figure("recall", _("Recall"), _("defective parts that do not pass")),
    Figure("escape_rate", *ESCAPE_RATE, more_is_better=False),
    Figure("false_alarm_rate", _("False alarms"), _("good parts that fail"), more_is_better=False),
    Figure("review_rate", *REVIEW_RATE, more_is_better=False),
)
