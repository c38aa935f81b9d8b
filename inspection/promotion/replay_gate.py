"""Gate lines that a replay answers: replayed, and not worse than the champion.

With too few labeled parts a line fails, and its text says what to do. A line also fails if the two versions' reports
show a clearly worse result. No report makes a line pass, because each version was measured on different parts.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from inspection.models import Product
from inspection.replay import replay
from inspection.replay.replay_report import ReplayReport
from inspection.replay.sample_size import MIN_PARTS, too_few_text
from mltasks.models import ModelVersion
from mltasks.reports.figure_comparison import is_clearly_worse
from mltasks.reports.report_text import percent
from mltasks.reports.version_report import VersionReport

# True if the line passed, None without data; and the text for people.
LineResult = tuple[bool | None, str]


@dataclass(frozen=True, slots=True)
class ReplayComparison:
    """Candidate, champion, and the report of the newest finished replay that compares the two."""

    product: Product
    version: ModelVersion
    champion: ModelVersion
    report: ReplayReport | None

    @property
    def evidence_parts(self) -> int:
        """Return the number of labeled parts in the replay that count; 0 without a replay."""
        return self.report.evidence_parts if self.report else 0

    @property
    def command(self) -> str:
        return f"manage.py replay {self.product.slug} {self.version.number}"


def check_replay(product: Product, version: ModelVersion, champion: ModelVersion | None) -> list[LineResult]:
    """Return the results of the lines replay, champion_recall, cost and escapes."""
    if champion is None:
        return [(None, _("There is no champion to compare the version with."))] * 4
    latest = replay.latest_replay(version, champion)
    comparison = ReplayComparison(product, version, champion, ReplayReport(latest) if latest else None)
    return [check(comparison) for check in (_replay_result, _recall_result, _cost_result, _escapes_result)]


def _replay_result(comparison: ReplayComparison) -> LineResult:
    number = comparison.champion.number
    if comparison.report is None:
        text = _("The version was not replayed against version {number}.").format(number=number)
        return False, f"{text} {_next_step(comparison)}"
    text = _("This version and version {number} scored {count} parts of the line.")
    return True, text.format(count=comparison.report.figures["parts"], number=number)


def _next_step(comparison: ReplayComparison) -> str:
    newest = comparison.version.replays.without_large_fields().order_by("-created_at").first()
    if newest and not newest.finished:
        text = _("A replay of the version is in progress ({share} done). Wait for the replay to finish.")
        return text.format(share=f"{100 * newest.progress:.0f} %")
    if not replay.has_parts_to_replay(comparison.product):
        return _(
            "There is nothing to replay: the line sent no part in the last {days} days, and no part is locked. "
            "Send parts from a station, then replay it: {command}."
        ).format(days=replay.DEFAULT_DAYS, command=comparison.command)
    return _("Replay the version on its Replay page or with the command {command}.").format(command=comparison.command)


def _recall_result(comparison: ReplayComparison) -> LineResult:
    parts, number = comparison.evidence_parts, comparison.champion.number
    if comparison.report is None or parts < MIN_PARTS:
        worse = _worse_by_report(comparison, "recall", more_is_better=True)
        return (False, worse) if worse else (None, _too_few_text(comparison))
    if comparison.report.figures.get("defective") == 0:
        return None, _("None of the {parts} labeled parts is defective. Label defective parts.").format(parts=parts)
    changes = comparison.report.figures["gained"]
    new, caught = changes["new_escapes"], changes["caught_escapes"]
    text = _(
        "Of {parts} labeled parts the version passes {new} defective parts that version {number} stops, and stops "
        "{caught} that version {number} passes"
    ).format(parts=parts, new=new, caught=caught, number=number)
    if new > caught:
        return False, _("{count} more defective parts pass. {details}.").format(count=new - caught, details=text)
    return True, f"{text}."


def _cost_result(comparison: ReplayComparison) -> LineResult:
    cost = comparison.report.cost if comparison.report else None
    if cost is None or not cost.champion or not cost.difference:
        worse = _worse_by_report(comparison, "cost_per_1000", more_is_better=False)
        return (False, worse) if worse else (None, _too_few_text(comparison))
    text = _(
        "1000 parts cost {candidate}, with version {number} {champion}: {gap} ({low} to {high}, {method})."
    ).format(
        candidate=f"{cost.candidate['value']:.0f}",
        number=comparison.champion.number,
        champion=f"{cost.champion['value']:.0f}",
        gap=f"{cost.difference['value']:+.0f}",
        low=f"{cost.difference['low']:+.0f}",
        high=f"{cost.difference['high']:+.0f}",
        method=_("corrected for sampling") if cost.corrected else _("counted among the labels"),
    )
    return cost.difference["value"] <= 0, text


def _escapes_result(comparison: ReplayComparison) -> LineResult:
    if comparison.report is None:
        return None, _("Unknown. Replay the version first.")
    new, limit = comparison.report.figures["gained"]["new_escapes"], comparison.product.gate_escapes
    text = _("Of {count} labeled parts the version passes {new} defective parts that version {number} stops.")
    if limit is not None:
        text = _(
            "Of {count} labeled parts the version passes {new} defective parts that version {number} stops; at most "
            "{limit} are allowed."
        )
    text = text.format(count=comparison.evidence_parts, new=new, number=comparison.champion.number, limit=limit)
    # New escapes count even with few labeled parts.
    if new > (limit or 0):
        return False, text
    return (True, text) if comparison.evidence_parts >= MIN_PARTS else (None, _too_few_text(comparison))


def _too_few_text(comparison: ReplayComparison) -> str:
    if comparison.report is None:
        return _("Unknown. Replay the version first.")
    text = _("Label parts that arrived after both versions were trained, then replay it again: {command}.")
    return f"{too_few_text(comparison.evidence_parts)} {text.format(command=comparison.command)}"


def _worse_by_report(comparison: ReplayComparison, name: str, *, more_is_better: bool) -> str:
    """Return the text on a clearly worse figure in the versions' reports; else empty."""
    versions = comparison.version, comparison.champion
    candidate, champion = (VersionReport(version).metrics.get(name) for version in versions)
    if not candidate or not champion or not is_clearly_worse(candidate, champion, more_is_better):
        return ""
    gap = candidate["value"] - champion["value"]
    if name == "cost_per_1000":
        return _(
            "By the reports 1000 parts cost {candidate} ({low} to {high}), with version {number} {champion}: "
            "{gap} more."
        ).format(
            candidate=f"{candidate['value']:.0f}",
            low=f"{candidate['low']:.0f}",
            high=f"{candidate['high']:.0f}",
            number=comparison.champion.number,
            champion=f"{champion['value']:.0f}",
            gap=f"{gap:.0f}",
        )
    return _(
        "By the reports its recall is {candidate}, that of version {number} {champion}: {gap} points less."
    ).format(
        candidate=percent(candidate["value"]),
        number=comparison.champion.number,
        champion=percent(champion["value"]),
        gap=f"{-100 * gap:.1f}",
    )
