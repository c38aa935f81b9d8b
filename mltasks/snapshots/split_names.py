"""Descriptions of a snapshot's splits."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

_FOLD_PREFIX = "fold-"
_SPLIT_TEXTS: dict[str, Promise] = {
    "train": gettext_lazy("learned from"),
    "validation": gettext_lazy("never learned from: stopping, calibration and thresholds are chosen by it"),
    "test": gettext_lazy("never learned from, only measured on"),
    "holdout": gettext_lazy("locked away: never learned from, only measured on"),
}


def split_text(name: str) -> str:
    """Return the purpose of a split; empty for an unknown name."""
    if name.startswith(_FOLD_PREFIX):
        return _("parts of the cross-validation: each is measured by a sibling that had not learned from it")
    return str(_SPLIT_TEXTS.get(name, ""))


def is_training_split(name: str) -> bool:
    """Return True if the version itself is trained on images of the split."""
    return name == "train" or name.startswith(_FOLD_PREFIX)
