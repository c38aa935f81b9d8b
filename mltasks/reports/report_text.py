"""Sentences of a report: summary, escape guarantee and the value of more labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

# A smaller gain, in points of average precision, is no reason to label more.
MIN_GAIN_POINTS = 1.0


def summary(metrics: Mapping[str, Any], promise: Mapping[str, Any] | None) -> str:
    """Return the summary sentence with 95 % intervals; empty without measured defective parts.

    The escape guarantee ends the sentence if the report has one; older reports have none.
    """
    recall, alarms = metrics.get("recall"), metrics.get("false_alarm_rate")
    if not recall or recall["value"] is None:
        return ""
    defects = _interval_text(recall, _("{share} of defective parts"))
    found = _("Finds {defects}").format(defects=defects)
    if alarms and alarms["value"] is not None:
        good = _interval_text(alarms, _("{share} of good ones"))
        found = _("Finds {defects} and fails {good}").format(defects=defects, good=good)
    return f"{found}; {guarantee_text(promise)}." if promise and promise["rate"] < 1 else f"{found}."


def guarantee_text(promise: Mapping[str, Any]) -> str:
    """Return a text that says whether the escape guarantee holds, and if not, what is missing."""
    rate, bound = format_share(promise["rate"]), format_share(promise["bound"])
    if promise["holds"]:
        said = _("at most {bound} of defects escape, said with {confidence} confidence")
        return said.format(bound=bound, confidence=format_share(promise["confidence"]))
    missing = promise["more_defective_labels_needed"]
    if not missing:
        return _("up to {bound} of defects may escape, more than the {rate} promised").format(bound=bound, rate=rate)
    return ngettext(
        "too few labels to promise that at most {rate} of defects escape: label {missing} more defective part",
        "too few labels to promise that at most {rate} of defects escape: label {missing} more defective parts",
        missing,
    ).format(rate=rate, missing=missing)


def more_labels_text(points: Sequence[Mapping[str, Any]]) -> str:
    """Return a text that says whether more labels help, from the learning curve's last points.

    Empty without a learning curve.
    """
    if len(points) < 2 or (gain := points[-1]["gain"]) is None or gain["value"] is None:
        return ""
    value, low, high = (100 * gain[name] for name in ("value", "low", "high"))
    found = _gain_text(points[-2]["labels"], points[-1]["labels"], value, low, high)
    if high < MIN_GAIN_POINTS:
        return _("{change}: more labels of the same kinds will hardly help.").format(change=found)
    if low > 0:
        return _("{change}: more labels should help again.").format(change=found)
    return _("{change}: the parts are too few to tell if they helped.").format(change=found)


def _gain_text(before: int, after: int, value: float, low: float, high: float) -> str:
    rose = _("From {before} to {after} labels average precision rose by {points} points ({least} to {most})")
    fell = _("From {before} to {after} labels average precision fell by {points} points ({least} to {most})")
    said, least, most = (rose, low, high) if value >= 0 else (fell, -high, -low)
    ends = {"least": _format_signed(least), "most": _format_signed(most)}
    return said.format(before=before, after=after, points=f"{abs(value):.1f}", **ends)


def _format_signed(value: float) -> str:
    return f"{value:.1f}".replace("-", "\N{MINUS SIGN}")


def format_share(value: float) -> str:
    """Return a share as a percentage: whole from 10 % on, with one decimal below."""
    digits = 0 if value >= 0.0995 else 1
    return f"{100 * value:.{digits}f}".removesuffix(".0") + "\N{NO-BREAK SPACE}%"


def percent(share: float) -> str:
    """Return a share as a percentage with one decimal, or none if it is whole."""
    return f"{100 * share:.1f}".removesuffix(".0") + " %"


def _interval_text(estimate: Mapping[str, Any], template: str) -> str:
    low, high = estimate.get("low"), estimate.get("high")
    value = template.format(share=format_share(estimate["value"]))
    if low is None or high is None:
        return value
    ends = {"low": f"{100 * low:.0f}", "high": f"{100 * high:.0f}\N{NO-BREAK SPACE}%"}
    return _("{value} ({low} to {high})").format(value=value, **ends)
