"""Components of a version in words, from its meta.json; older ones lack some keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy

from mltasks.reports.report_text import format_share
from mltasks.vision.serving.calibrator import Calibrator

DETECTOR_NAMES: dict[str, Promise] = {
    "together": gettext_lazy("Detectors together"),
    "memory": gettext_lazy("Patch memory"),
    "places": gettext_lazy("Strange places"),
    "features": gettext_lazy("Feature autoencoder"),
    "detail": gettext_lazy("Patch memory of fine detail"),
    "second_memory": gettext_lazy("Patch memory of the companion"),
    "whole": gettext_lazy("Whole part"),
    "second_whole": gettext_lazy("Whole part of the companion"),
    "pixels": gettext_lazy("Pixel autoencoder"),
}


def components(meta: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return title and text of each known component."""
    found = {
        gettext("Input"): _input_text(meta.get("input", {}), meta.get("export_agreement", {})),
        gettext("Numbers"): _precision_text(meta.get("precision", {})),
        gettext("Heads"): _fusion_text(meta.get("fusion", {}).get("weights", {})),
        gettext("Calibration"): _calibration_text(meta.get("calibration", {})),
        gettext("Novelty"): detector_name(meta.get("novelty", {}).get("detector", "")),
        gettext("Code"): _code_text(meta.get("code", {})),
    }
    return [(title, words) for title, words in found.items() if words]


def detector_name(name: str) -> str:
    """Return a novelty detector's name for people."""
    return str(DETECTOR_NAMES.get(name, name.capitalize()))


def _input_text(size: Mapping[str, Any], agreement: Mapping[str, Any]) -> str:
    if not size:
        return ""
    kept = gettext("{width} × {height} pixels, the part's shape kept")
    stretched = gettext("{width} × {height} pixels, the part stretched to fill it")
    words = (kept if size.get("keep_shape") else stretched).format(width=size["width"], height=size["height"])
    took = agreement.get("milliseconds")
    if not took:
        return words
    return words + gettext("; an image takes {time} ms on the machine that trained it").format(time=f"{took:.0f}")


def _code_text(code: Mapping[str, str]) -> str:
    """Return the commit, if known, and the hash of the source."""
    if not code:
        return ""
    source = gettext("source {hash}").format(hash=code["sha256"][:12])
    return (
        gettext("commit {commit}, {source}").format(commit=code["commit"][:12], source=source)
        if code["commit"]
        else source
    )


def _precision_text(precision: Mapping[str, Any]) -> str:
    """Return the serving precision, compared with 32 bits on the same held-out parts."""
    if not precision:
        return ""
    if precision["bits"] == 32:
        return gettext("32 bits. {why}").format(why=precision["why"])
    words = gettext(
        "8 bits in {parts}, {time} of the time that 32 take; of {images} held-out parts the average "
        " precision is {narrow} (in 32 bits {wide}) and no probability moves by more than {shift}"
    )
    return words.format(
        parts=gettext(" and ").join(precision["parts"]),
        time=format_share(precision["milliseconds"] / precision["milliseconds_wide"]),
        images=precision["images"],
        narrow=f"{precision['average_precision']:.3f}",
        wide=f"{precision['average_precision_wide']:.3f}",
        shift=f"{precision['probability']:.3f}",
    )


def _fusion_text(weights: Mapping[str, float]) -> str:
    """Return the fused heads with their weights.

    Scores have different spreads, so a weight is not a head's share of the decision.
    """
    if len(weights) == 1:
        return gettext("{head}, alone").format(head=next(iter(weights)).capitalize())
    heard = [f"{_head_name(name)} × {weight:.2g}" for name, weight in weights.items() if weight > 0]
    silent = [_head_name(name) for name, weight in weights.items() if weight <= 0]
    if not heard:
        return ""
    words = gettext("Weighted sum of scores: {heads}").format(heads=" + ".join(heard))
    return words + gettext(". Not heard: {heads}").format(heads=", ".join(silent)) if silent else words


def _head_name(name: str) -> str:
    if not name.startswith("second_"):
        return name
    return gettext("companion's {head}").format(head=name.removeprefix("second_"))


def _calibration_text(values: Mapping[str, Any]) -> str:
    if not {"slope", "intercept"} <= set(values):
        return ""
    try:
        return Calibrator.from_json(values).describe()
    except ValueError:
        return gettext("By {method}").format(method=values["method"])
