"""What a version is made of, in words: from its meta.json, whatever that of an older version lacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mltasks.vision.calibrators import Calibrator

DETECTORS = {
    "together": "Detectors together",
    "memory": "Patch memory",
    "places": "Strange places",
    "features": "Feature autoencoder",
    "detail": "Patch memory of fine detail",
    "second_memory": "Patch memory of the companion",
    "whole": "Whole part",
    "second_whole": "Whole part of the companion",
    "pixels": "Pixel autoencoder",
}


def of(meta: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Title and words of each ingredient that is known."""
    found = {
        "Input": _input(meta.get("input", {}), meta.get("export_agreement", {})),
        "Heads": _heads(meta.get("fusion", {}).get("weights", {})),
        "Calibration": _calibration(meta.get("calibration", {})),
        "Novelty": detector_words(meta.get("novelty", {}).get("detector", "")),
    }
    return [(title, words) for title, words in found.items() if words]


def detector_words(name: str) -> str:
    """A novelty detector's name as people read it."""
    return DETECTORS.get(name, name.capitalize())


def _input(size: Mapping[str, Any], agreement: Mapping[str, Any]) -> str:
    if not size:
        return ""
    shape = "the part's shape kept" if size.get("keep_shape") else "the part stretched to fill it"
    took = agreement.get("milliseconds")
    time = f"; an image takes {took:.0f} ms on the machine that trained it" if took else ""
    return f"{size['width']} × {size['height']} pixels, {shape}{time}"


def _heads(weights: Mapping[str, float]) -> str:
    """Weights multiply scores of different spreads: they say who speaks, not how much each decides."""
    if len(weights) == 1:
        return f"{next(iter(weights)).capitalize()}, alone"
    heard = [f"{_voice(name)} × {weight:.2g}" for name, weight in weights.items() if weight > 0]
    silent = [_voice(name) for name, weight in weights.items() if weight <= 0]
    words = "Weighted sum of scores: " + " + ".join(heard) if heard else ""
    return words + (f". Not heard: {', '.join(silent)}" if words and silent else "")


def _voice(name: str) -> str:
    return f"companion's {name.removeprefix('second_')}" if name.startswith("second_") else name


def _calibration(values: Mapping[str, Any]) -> str:
    if not {"slope", "intercept"} <= set(values):
        return ""
    try:
        return Calibrator.from_json(values).in_words()
    except ValueError:
        return f"By {values['method']}"
