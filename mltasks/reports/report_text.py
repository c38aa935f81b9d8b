"""Sentences of a report: summary, escape guarantee and the value of more labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

# A smaller gain, in points of average precision, is no reason to label more.
MIN_GAIN_POINTS = 1.0


def summary(metrics: Mapping[str, Any], guarantee: Mapping[str, Any] | None) -> str:
    """Return the summary sentence with 95 % intervals; empty without measured defective parts.

    The escape guarantee ends the sentence if the report has one; older reports have none.
    """
    recall, alarms = metrics.get("recall"), metrics.get("false_alarm_rate")
    if not recall or recall["value"] is None:
        return ""
    defects = _interval_text(recall, _("{share} of defective parts"))
    text = _("Fails {defects}").format(defects=defects)
    if alarms and alarms["value"] is not None:
        good = _interval_text(alarms, _("{share} of good parts"))
        text = _("Fails {defects} and {good}").format(defects=defects, good=good)
    return f"{text}; {guarantee_text(guarantee)}." if guarantee and guarantee["rate"] < 1 else f"{text}."


def guarantee_text(guarantee: Mapping[str, Any]) -> str:
    """Return a text that says whether the escape guarantee is given, and if not, what is missing."""
    rate, bound = format_share(guarantee["rate"]), format_share(guarantee["bound"])
    if guarantee["holds"]:
        text = _("escape rate at most {bound} (guaranteed with {confidence} confidence)")
        return text.format(bound=bound, confidence=format_share(guarantee["confidence"]))
    missing = guarantee["more_defective_labels_needed"]
    if guarantee.get("kind") == "average":
        return ngettext(
            "escape rate at most {bound} on average (for {confidence} confidence label {missing} more defective part)",
            "escape rate at most {bound} on average (for {confidence} confidence label {missing} more defective parts)",
            missing,
        ).format(
            bound=format_share(guarantee["average_bound"]),
            confidence=format_share(guarantee["confidence"]),
            missing=missing,
        )
    if not missing:
        return _("escape rate up to {bound}, above the required {rate}").format(bound=bound, rate=rate)
    text = ngettext(
        "too few labels to guarantee an escape rate of at most {rate}: label {missing} more defective part",
        "too few labels to guarantee an escape rate of at most {rate}: label {missing} more defective parts",
        missing,
    ).format(rate=rate, missing=missing)
    return text + _for_average_text(guarantee.get("more_labels_needed_on_average"))


def guarantee_note(guarantee: Mapping[str, Any]) -> str:
    """Return sentences on the bound that applies and the labels it lacks, for a product's current settings."""
    rate, confidence = format_share(guarantee["rate"]), format_share(guarantee["confidence"])
    if guarantee["rate"] >= 1:
        return _("No escape guarantee is required.")
    if guarantee["kind"] == "confidence":
        text = _("With {confidence} confidence, at most {rate} of the defective parts pass without review.")
        return text.format(confidence=confidence, rate=rate)
    missing = guarantee["more_defective_labels_needed"]
    if guarantee["kind"] == "average":
        text = _("On average, at most {rate} of the defective parts pass without review.").format(rate=rate)
        labels = ngettext(
            "For {confidence} confidence, label {missing} more defective part.",
            "For {confidence} confidence, label {missing} more defective parts.",
            missing,
        ).format(confidence=confidence, missing=missing)
        return f"{text} {labels}"
    text = ngettext(
        "No escape guarantee yet: for {rate} with {confidence} confidence, label {missing} more defective part",
        "No escape guarantee yet: for {rate} with {confidence} confidence, label {missing} more defective parts",
        missing,
    ).format(rate=rate, confidence=confidence, missing=missing)
    return f"{text}{_for_average_text(guarantee['more_labels_needed_on_average'])}."


def _for_average_text(missing: int | None) -> str:
    return " " + _("(for a guarantee on average: {missing})").format(missing=missing) if missing else ""


def more_labels_text(points: Sequence[Mapping[str, Any]]) -> str:
    """Return a text that says whether more labels help, from the learning curve's last points.

    Empty without a learning curve.
    """
    if len(points) < 2 or (gain := points[-1]["gain"]) is None or gain["value"] is None:
        return ""
    value, low, high = (100 * gain[name] for name in ("value", "low", "high"))
    change = _gain_text(points[-2]["labels"], points[-1]["labels"], value, low, high)
    if high < MIN_GAIN_POINTS:
        return _("{change}: more labels of the same kinds will hardly help.").format(change=change)
    if low > 0:
        return _("{change}: more labels should help again.").format(change=change)
    return _("{change}: there are too few parts to measure whether more labels help.").format(change=change)


def _gain_text(before: int, after: int, value: float, low: float, high: float) -> str:
    rose = _("From {before} to {after} labels average precision rose by {points} points ({low} to {high})")
    fell = _("From {before} to {after} labels average precision fell by {points} points ({low} to {high})")
    text, *ends = (rose, low, high) if value >= 0 else (fell, -high, -low)
    # Adding 0 makes a negative zero positive.
    low_text, high_text = (f"{round(end, 1) + 0:.1f}".replace("-", "\N{MINUS SIGN}") for end in ends)
    return text.format(before=before, after=after, points=f"{abs(value):.1f}", low=low_text, high=high_text)


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
