"""Template tags and filters for texts, icons and marks of all pages."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.dateformat import format as format_date
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from inspection.models import Inspection, Reason
from inspection.models.choices import verdict_label
from labeling.models import DefectType
from mltasks.models import ModelVersion, TrainingRun
from mltasks.reports.report_text import format_share

register = template.Library()
register.filter("verdict_label", verdict_label)
register.filter("share", format_share)
_STATE_ICONS: dict[str, str] = {
    TrainingRun.State.QUEUED: "pending",
    TrainingRun.State.RUNNING: "pending",
    TrainingRun.State.SUCCEEDED: "pass",
    TrainingRun.State.FAILED: "fail",
    ModelVersion.State.CANDIDATE: "review",
    ModelVersion.State.CHAMPION: "champion",
    ModelVersion.State.RETIRED: "pending",
}
_ADDRESS = "/api/v1/inspections/"


@register.simple_tag
def icon(name: str) -> SafeString:
    """Return an icon of the sprite, hidden from screen readers because a text is beside it."""
    address = f"{static('img/icons.svg')}#{name}"
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}"></use></svg>', address)


@register.simple_tag
def verdict(value: str | None, size: str = "") -> SafeString:
    """Return a verdict as text, shape and color."""
    if not value:
        return format_html('<span class="verdict none {}">{}{}</span>', size, icon("pending"), _("no verdict yet"))
    name, label = value.lower(), verdict_label(value)
    return format_html('<span class="verdict {} {}">{}{}</span>', name, size, icon(name), label)


@register.simple_tag(name="run_state")
@register.simple_tag(name="version_state")
def state_badge(row: TrainingRun | ModelVersion) -> SafeString:
    """Return the state of a run or version as a badge: text, shape and color."""
    state = icon(_STATE_ICONS[row.state])
    return format_html('<span class="badge {}">{}{}</span>', row.state, state, row.get_state_display())


@register.simple_tag
def swatch(kind: DefectType) -> SafeString:
    """Return a defect type's color swatch; its name is always beside it."""
    return format_html(
        '<svg class="swatch" viewBox="0 0 16 16" aria-hidden="true"><rect width="16" height="16" fill="{}"/></svg>',
        kind.display_colour,
    )


@register.simple_tag
def image_url(inspection: Inspection) -> str:
    """Return the address of the part's image, in a format that browsers show."""
    return f"{_ADDRESS}{inspection.pk}/image/?for=browser"


@register.simple_tag
def thumbnail_url(inspection: Inspection) -> str:
    """Return the address of the part's thumbnail."""
    return f"{_ADDRESS}{inspection.pk}/thumbnail/"


@register.simple_tag
def heatmap_url(inspection: Inspection) -> str:
    """Return the address of the part's image with its heatmap."""
    return f"{_ADDRESS}{inspection.pk}/heatmap/"


@register.simple_tag
def overlay_url(inspection: Inspection, kind: str) -> str:
    """Return the address of one map, ``evidence`` or ``anomaly``, to overlay on the image."""
    return f"{_ADDRESS}{inspection.pk}/overlay/?kind={kind}"


@register.filter
def percent(value: float | None, digits: int = 1) -> str:
    """Return a share in [0, 1] as percent, such as ``79.7 %``; a dash for None."""
    return "–" if value is None else f"{value * 100:.{digits}f}\N{NO-BREAK SPACE}%"


@register.filter
def signed_number(value: float | None) -> str:
    """Return a difference as an integer with its sign; a dash for None."""
    return "–" if value is None else f"{value:+.0f}".replace("-", "−")


@register.filter
def as_json(value: Any) -> str:
    """Return a setting's value as JSON on one line."""
    return json.dumps(value, ensure_ascii=False)


@register.filter
def duration(value: timedelta | float | None) -> str:
    """Return a duration in its largest sensible unit, such as ``5 minutes``."""
    if value is None:
        return "–"
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if seconds >= 86400:
        text = ngettext("{number} day", "{number} days", number := int(seconds // 86400))
    elif seconds >= 3600:
        text = ngettext("{number} hour", "{number} hours", number := int(seconds // 3600))
    elif seconds >= 60:
        text = ngettext("{number} minute", "{number} minutes", number := int(seconds // 60))
    elif seconds >= 1:
        text = ngettext("{number} second", "{number} seconds", number := int(seconds))
    else:
        return _("under a second")
    return text.format(number=number)


@register.filter
def ago(moment: datetime | None) -> str:
    """Return the time since a moment, such as ``5 minutes ago``."""
    if moment is None:
        return _("never")
    passed = timezone.now() - moment
    return _("just now") if passed < timedelta(seconds=5) else _("{time} ago").format(time=duration(passed))


@register.filter
def file_size(size: int) -> str:
    """Return bytes in a sensible unit, such as ``11.7 KB``, always with a decimal point."""
    if size < 1024:
        text = ngettext("{number} byte", "{number} bytes", size).format(number=size)
    else:
        text = f"{size / 1024:.1f} KB" if size < 1024**2 else f"{size / 1024**2:.1f} MB"
    return text.replace(" ", "\N{NO-BREAK SPACE}")


@register.simple_tag
def moment(value: datetime | None, *, dated: bool = False) -> SafeString:
    """Return a moment in the installation's time zone, its exact time in markup and title.

    Moments of today have no date unless ``dated``, as on a printable page.
    """
    if value is None:
        return SafeString("–")
    local = timezone.localtime(value)
    today = local.date() == timezone.localdate() and not dated
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        value.isoformat(timespec="seconds"),
        local.strftime("%Y-%m-%d %H:%M:%S %Z"),
        local.strftime("%H:%M:%S") if today else format_date(local, "d M Y H:i"),
    )


@register.filter
def reason_texts(inspection: Inspection) -> list[str]:
    """Return the reasons why a part goes to a person, each as a sentence with its figure."""
    ratio, error = inspection.novelty_ratio or 0.0, inspection.scoring_error.strip().splitlines()[-1:]
    texts = dict(_REASON_TEXTS)
    if ratio > 1:
        texts[Reason.NOVEL_ANOMALY] = _NOVELTY_TEXT
    elif not inspection.novel_defect_suspected:
        texts[Reason.NOVEL_ANOMALY] = _NOVELTY_LINE_TEXT
    if error:
        texts[Reason.SCORING_FAILED] = _SCORING_ERROR_TEXT
    values = {
        "probability": percent(inspection.defect_probability),
        "ratio": f"{ratio:.2g}",
        "error": "".join(error),
        "verdict": verdict_label(inspection.model_verdict or ""),
    }
    return [str(texts[reason]).format(**values) for reason in inspection.reasons if reason in texts]


_REASON_TEXTS: dict[str, Any] = {
    Reason.DEADLINE: gettext_lazy("There was no time for scores before the deadline, so the part goes to a person."),
    Reason.LOW_CONFIDENCE: gettext_lazy(
        "The model is unsure: a defect probability of {probability} is too high to pass and too low to fail."
    ),
    Reason.NOVEL_ANOMALY: gettext_lazy("Differs from the training parts."),
    Reason.NO_MODEL: gettext_lazy("No champion yet: reviewers decide, and their labels train the first version."),
    Reason.SCORING_FAILED: gettext_lazy("Scoring failed."),
    Reason.AUDIT_SAMPLE: gettext_lazy("Audit sample: the model verdict is {verdict}."),
    Reason.DAMAGED_IMAGE: gettext_lazy(
        "The image file is damaged: part of the image may be missing or wrong. Check the physical part."
    ),
}
_NOVELTY_TEXT = gettext_lazy("Differs from the training parts: the novelty is {ratio} times the threshold.")
_NOVELTY_LINE_TEXT = gettext_lazy("Too unusual to pass: the novelty is {ratio} times the threshold.")
_SCORING_ERROR_TEXT = gettext_lazy("Scoring failed: {error}.")
