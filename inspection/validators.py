"""Validators of product and station fields."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from mltasks.text import storable
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.types import Roi


def validate_one_line(value: str) -> None:
    """Refuse control characters, such as NUL and line ends, in a single-line text."""
    try:
        storable.check_text(value, storable.LINE_CONTROLS)
    except ValueError as error:
        raise ValidationError(str(error)) from None


def validate_no_formatting(value: str) -> None:
    """Refuse invisible characters in a text that identifies something."""
    try:
        storable.check_formatting(value)
    except ValueError as error:
        raise ValidationError(str(error)) from None


def validate_roi(value: str) -> None:
    """Refuse a region of interest that is not ``X,Y,W,H``."""
    try:
        Roi.parse(value)
    except ValueError as error:
        raise ValidationError(str(error)) from None


def validate_inner_share(value: float) -> None:
    """Refuse a share that is not strictly between 0 and 1."""
    if not 0 < value < 1:
        raise ValidationError(_("Enter a share above 0 and below 1, such as 0.02."))


def validate_rate(value: float) -> None:
    """Refuse a rate that is not above 0 and at most 1.

    A rate of 0 is refused, because no number of labels proves that nothing escapes.
    """
    if not 0 < value <= 1:
        raise ValidationError(_("Enter a share above 0 and at most 1, such as 0.05."))


def validate_training_settings(value: object) -> None:
    """Refuse training settings that a run could not start with."""
    try:
        TrainConfig.from_json(value if isinstance(value, dict) else {"": value})
    except (TypeError, ValueError) as error:
        raise ValidationError(str(error)) from None
