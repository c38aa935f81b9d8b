"""Descriptions of a snapshot's splits."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

_FOLD_PREFIX = "fold-"
_SPLIT_TEXTS: dict[str, Promise] = {
    "train": gettext_lazy("used for training"),
    "validation": gettext_lazy("not used for training: stopping, calibration and thresholds are chosen on it"),
    "test": gettext_lazy("not used for training, only for measurement"),
    "holdout": gettext_lazy("locked: not used for training, only for measurement"),
}


def split_text(name: str) -> str:
    """Return the purpose of a split; empty for an unknown name."""
    if name.startswith(_FOLD_PREFIX):
        return _("fold of the cross-validation: its images are measured by a model that was not trained on them")
    return str(_SPLIT_TEXTS.get(name, ""))


def is_training_split(name: str) -> bool:
    """Return True if the version itself is trained on images of the split."""
    return name == "train" or name.startswith(_FOLD_PREFIX)
