"""What a snapshot's splits are for, in words."""

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
    """What versions do with the images of a split; empty for a name that this program does not know."""
    if name.startswith(_FOLD_PREFIX):
        return _("parts of the cross-validation: each is measured by a sibling that had not learned from it")
    return str(_SPLIT_TEXTS.get(name, ""))


def is_training_split(name: str) -> bool:
    """Whether the version itself learns from images of the split."""
    return name == "train" or name.startswith(_FOLD_PREFIX)
