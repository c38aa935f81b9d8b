"""What escapes: measured on sure PASS parts that people looked at anyway."""

from __future__ import annotations

from inspection.judged import part_of
from inspection.models import Product, Reason, Verdict
from labeling.datasets import standing_labels
from mltasks.vision.intervals import Estimate, proportion


def escape_rate(product: Product) -> Estimate:
    """The share of defective parts among those that the model would have passed, with its 95 % Wilson interval.

    From the audit sample, which is drawn by chance, and of it what a person has labeled. All None before the first.
    """
    passed = {"inspection__reasons__contains": [Reason.AUDIT_SAMPLE], "inspection__label": Verdict.PASS}
    audited = standing_labels(product).filter(**passed)
    parts = list(audited)
    return proportion(
        [label.verdict == Verdict.FAIL for label in parts], [part_of(label.inspection) for label in parts]
    )
