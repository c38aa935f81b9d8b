"""Number of judged parts below which pages and the gate give one sentence instead of a figure.

A comparison of two versions counts the parts that people labeled and neither version learned from. A rate counts its
own denominator: recall the defective parts, the false alarm rate the good ones. Several images of one part count once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import ngettext

MIN_PARTS = 50


def has_enough_parts(estimate: Mapping[str, Any] | None) -> bool:
    """Return True if the estimate (`value`, `parts`, …) is known and rests on at least ``MIN_PARTS`` parts."""
    return bool(estimate) and estimate.get("value") is not None and estimate.get("parts", 0) >= MIN_PARTS  # type: ignore[union-attr]


def too_few_text(parts: int) -> str:
    """Return the sentence that stands in place of a figure on fewer than ``MIN_PARTS`` parts."""
    return ngettext(
        "{parts} judged part is too few to say: at least {least} are needed.",
        "{parts} judged parts are too few to say: at least {least} are needed.",
        parts,
    ).format(parts=parts, least=MIN_PARTS)
