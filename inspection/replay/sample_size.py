"""Minimum number of labeled parts for a figure; pages and the gate show a text below it.

A comparison of two versions counts the labeled parts that neither version trained on. A rate counts its denominator:
recall the defective parts, the false alarm rate the good parts. Several images of one part count once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import ngettext

MIN_PARTS = 50


def has_enough_parts(estimate: Mapping[str, Any] | None) -> bool:
    """Return True if the JSON estimate is known and rests on at least ``MIN_PARTS`` parts."""
    return bool(estimate) and estimate.get("value") is not None and estimate.get("parts", 0) >= MIN_PARTS  # type: ignore[union-attr]


def too_few_text(parts: int) -> str:
    """Return the text that replaces a figure on fewer than ``MIN_PARTS`` parts."""
    return ngettext(
        "{parts} labeled part is too few for a comparison: at least {minimum} are needed.",
        "{parts} labeled parts are too few for a comparison: at least {minimum} are needed.",
        parts,
    ).format(parts=parts, minimum=MIN_PARTS)
