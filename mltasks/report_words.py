"""A report's verdict in one sentence: what a version finds, what it fails by mistake, and what may escape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# A rise below this, in points of average precision, is no reason to label more.
HARDLY = 1.0


def verdict(metrics: Mapping[str, Any], promise: Mapping[str, Any] | None) -> str:
    """The sentence with its 95 % intervals; empty where no defective part was measured. A promise about escapes ends
    it, where one was asked for: older reports have none."""
    recall, alarms = metrics.get("recall"), metrics.get("false_alarm_rate")
    if not recall or recall["value"] is None:
        return ""
    found = f"Finds {_interval(recall, 'of defective parts')}"
    if alarms and alarms["value"] is not None:
        found += f" and fails {_interval(alarms, 'of good ones')}"
    return f"{found}; {promised(promise)}." if promise and promise["rate"] < 1 else f"{found}."


def promised(promise: Mapping[str, Any]) -> str:
    """Whether the promise about escapes holds, and if not, what it lacks."""
    rate, bound = share(promise["rate"]), share(promise["bound"])
    if promise["holds"]:
        return f"at most {bound} of defects escape, said with {share(promise['confidence'])} confidence"
    missing = promise["more_defective_labels_needed"]
    if not missing:
        return f"up to {bound} of defects may escape, more than the {rate} promised"
    parts = "part" if missing == 1 else "parts"
    return f"too few labels to promise that at most {rate} of defects escape: label {missing} more defective {parts}"


def more_labels(points: Sequence[Mapping[str, Any]]) -> str:
    """Whether labels still help, from a learning curve's last two points; empty where there is no curve."""
    if len(points) < 2 or (gain := points[-1]["gain"]) is None or gain["value"] is None:
        return ""
    value, low, high = (100 * gain[name] for name in ("value", "low", "high"))
    way, least, most = ("rose", low, high) if value >= 0 else ("fell", -high, -low)
    interval = f"{least:.1f} to {most:.1f}".replace("-", "\N{MINUS SIGN}")
    steps = f"From {points[-2]['labels']} to {points[-1]['labels']} labels"
    found = f"{steps} average precision {way} by {abs(value):.1f} points ({interval})"
    if high < HARDLY:
        return f"{found}: more labels of the same kinds will hardly help."
    return f"{found}: {'more labels should help again' if low > 0 else 'the parts are too few to tell if they helped'}."


def share(value: float) -> str:
    """Whole percents from 10 % on, one decimal below."""
    digits = 0 if value >= 0.0995 else 1
    return f"{100 * value:.{digits}f}".removesuffix(".0") + "\N{NO-BREAK SPACE}%"


def _interval(estimate: Mapping[str, Any], of: str) -> str:
    low, high = estimate.get("low"), estimate.get("high")
    value = f"{share(estimate['value'])} {of}"
    return value if low is None or high is None else f"{value} ({100 * low:.0f} to {100 * high:.0f}\N{NO-BREAK SPACE}%)"
