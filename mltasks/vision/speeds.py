"""Speeds: how much a product's versions compute for an image, in the user's words.

A speed stands for training settings and a size of the network's input. Settings that the product names itself win.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

FAST, BALANCED, THOROUGH = "fast", "balanced", "thorough"


class Speed(NamedTuple):
    """Pixels of the input as a share of the balanced speed's, and training settings."""

    pixel_share: float
    settings: Mapping[str, Any]


# ``texture`` is the only score of the default recipe that needs the ResNet18.
SPEEDS: Mapping[str, Speed] = {
    FAST: Speed(0.5, {"stage_epochs": 0, "left_out_scores": ("texture",)}),
    BALANCED: Speed(1.0, {}),
    THOROUGH: Speed(2.0, {"backbone_scale": 1.0}),
}


def speed_settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of the speed that ``given`` names, for settings that ``given`` lacks.

    Without an auxiliary backbone no score is left out. Raises ValueError for an unknown speed.
    """
    name = given.get("speed", BALANCED)
    check_speed(name)
    settings = {key: value for key, value in SPEEDS[name].settings.items() if key not in given}
    if given.get("companion") == "":
        settings.pop("left_out_scores", None)
    return settings


def check_speed(name: object) -> None:
    """Raise ValueError unless ``name`` is one of the speeds."""
    if name not in tuple(SPEEDS):
        raise ValueError(f"speed must be {FAST}, {BALANCED} or {THOROUGH}, not {name!r}.")


def check_budget(milliseconds: object) -> None:
    """Raise ValueError unless the budget is a finite number of at least 0."""
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float) or not 0 <= milliseconds < math.inf:
        raise ValueError(
            f"budget_ms must be a number of milliseconds of at least 0 (0: no budget), not {milliseconds!r}."
        )
