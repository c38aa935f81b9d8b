"""Gate lines that a replay answers: replayed, and not worse than the champion.

With too few judged parts a line fails, and its text says what to do. A line also fails if the two versions' reports
show a clearly worse result. No report makes a line pass, because each version was measured on different parts.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from inspection.models import Product, Replay
from inspection.replay import replay, replay_figures
from inspection.replay.sample_size import too_few_text
from mltasks.models import ModelVersion
from mltasks.registry.gate import GateLine
from mltasks.reports.figure_comparison import is_clearly_worse
from mltasks.reports.report_text import percent
from mltasks.reports.version_report import VersionReport


@dataclass(frozen=True, slots=True)
class ReplayComparison:
    """Candidate, champion, and the newest finished replay that compares the two."""

    product: Product
    version: ModelVersion
    champion: ModelVersion
    replay: Replay | None

    @property
    def evidence_parts(self) -> int:
        """Return the number of judged parts in the replay; 0 without a replay."""
        return replay_figures.evidence_part_count(self.replay.figures) if self.replay else 0

    @property
    def has_enough_evidence(self) -> bool:
        """Return True if the replay has enough judged parts for a comparison."""
        return self.replay is not None and replay_figures.has_enough_evidence(self.replay.figures)

    @property
    def command(self) -> str:
        """Return the command that replays the version."""
        return f"manage.py replay {self.product.slug} {self.version.number}"


def replay_gate_lines(product: Product, version: ModelVersion, champion: ModelVersion | None) -> list[GateLine]:
    """Return the lines replay, champion_recall, cost, escapes; optional without a champion."""
    asked = {
        "replay": (_("Replay"), product.gate_replay),
        "champion_recall": (_("Recall beside the champion's"), product.gate_champion_recall),
        "cost": (_("Cost"), product.gate_cost),
        "escapes": (_("New escapes"), product.gate_escapes is not None),
    }
    if champion is None:
        words = _("There is no champion yet to compare it with.")
        return [GateLine(name, title, False, None, words) for name, (title, _asked) in asked.items()]
    pair = ReplayComparison(product, version, champion, replay.latest_replay(version, champion))
    answers = [_replay_result(pair), _recall_result(pair), _cost_result(pair), _escapes_result(pair)]
    return [GateLine(name, *of_line, *answer) for (name, of_line), answer in zip(asked.items(), answers, strict=True)]


LineResult = tuple[bool | None, str]


def _replay_result(pair: ReplayComparison) -> LineResult:
    if pair.replay is None:
        words = _("No part of the line's history was scored by it beside version {number}.")
        return False, f"{words.format(number=pair.champion.number)} {_what_to_do(pair)}"
    words = _("{count} parts of the line were scored by it beside version {number}.")
    return True, words.format(count=pair.replay.figures["parts"], number=pair.champion.number)


def _what_to_do(pair: ReplayComparison) -> str:
    newest = pair.version.replays.without_large_fields().order_by("-created_at").first()
    if newest and not newest.finished:
        return _("Its replay is under way, {share} done: wait for its end.").format(share=f"{newest.progress:.0%}")
    if not replay.has_parts_to_replay(pair.product):
        words = _(
            "There is nothing to replay yet: the line sent no part in the last {days} days, and no label is locked. "
            "Send parts by a station, then replay it first: {command}."
        )
        return words.format(days=replay.DEFAULT_DAYS, command=pair.command)
    return _("Replay it first, on its Replay page or by the command: {command}.").format(command=pair.command)


def _recall_result(pair: ReplayComparison) -> LineResult:
    if pair.replay is None or not pair.has_enough_evidence:
        worse = _worse_by_report(pair, "recall", more_is_better=True)
        return (False, worse) if worse else (None, _too_few_text(pair))
    if pair.replay.figures.get("defective") == 0:
        return None, _("None of the {parts} judged parts is defective: label defective ones.").format(
            parts=pair.evidence_parts
        )
    gained = pair.replay.figures["gained"]
    new, caught = gained["new_escapes"], gained["caught_escapes"]
    words = _(
        "Of {parts} judged parts it passes {new} defective ones that version {number} did not pass, and does not pass "
        "{caught} that version {number} passed"
    ).format(parts=pair.evidence_parts, new=new, caught=caught, number=pair.champion.number)
    if new > caught:
        return False, _("{count} more defective parts pass. {words}.").format(count=new - caught, words=words)
    return True, f"{words}."


def _cost_result(pair: ReplayComparison) -> LineResult:
    cost = replay_figures.replay_cost(pair.replay.figures) if pair.replay else None
    if cost is None or not cost.champion or not cost.difference:
        worse = _worse_by_report(pair, "cost_per_1000", more_is_better=False)
        return (False, worse) if worse else (None, _too_few_text(pair))
    words = _("1000 parts cost {ours}, by version {number} {theirs}: {gap} ({low} to {high}), {how}.").format(
        ours=f"{cost.candidate['value']:.0f}",
        number=pair.champion.number,
        theirs=f"{cost.champion['value']:.0f}",
        gap=f"{cost.difference['value']:+.0f}",
        low=f"{cost.difference['low']:+.0f}",
        high=f"{cost.difference['high']:+.0f}",
        how=_("corrected for how parts came to be labeled") if cost.corrected else _("as counted among the labels"),
    )
    return cost.difference["value"] <= 0, words


def _escapes_result(pair: ReplayComparison) -> LineResult:
    if pair.replay is None:
        return None, _("Not known before a replay.")
    new, most = pair.replay.figures["gained"]["new_escapes"], pair.product.gate_escapes
    words = _("Of {count} judged parts it passes {new} defective ones that version {number} did not pass.")
    if most is not None:
        words = _(
            "Of {count} judged parts it passes {new} defective ones that version {number} did not pass; {most} may be."
        )
    text = words.format(count=pair.evidence_parts, new=new, number=pair.champion.number, most=most)
    # New escapes count even with few judged parts.
    if new > (most or 0):
        return False, text
    return (True, text) if pair.has_enough_evidence else (None, _too_few_text(pair))


def _too_few_text(pair: ReplayComparison) -> str:
    if pair.replay is None:
        return _("Not known before a replay.")
    words = _("Label parts that arrived after both versions were trained, then replay it again: {command}.")
    return f"{too_few_text(pair.evidence_parts)} {words.format(command=pair.command)}"


def _worse_by_report(pair: ReplayComparison, name: str, *, more_is_better: bool) -> str:
    """Return the text on a clearly worse figure in the versions' reports; else empty."""
    ours, theirs = (VersionReport(version).metrics.get(name) for version in (pair.version, pair.champion))
    if not ours or not theirs or not is_clearly_worse(ours, theirs, more_is_better):
        return ""
    gap = ours["value"] - theirs["value"]
    if name == "cost_per_1000":
        words = _(
            "By their reports 1000 parts cost {ours} ({low} to {high}), by version {number} {theirs}: {gap} more."
        )
        return words.format(
            ours=f"{ours['value']:.0f}",
            low=f"{ours['low']:.0f}",
            high=f"{ours['high']:.0f}",
            number=pair.champion.number,
            theirs=f"{theirs['value']:.0f}",
            gap=f"{gap:.0f}",
        )
    words = _("By their reports its recall is {ours}, that of version {number} {theirs}: {gap} points less.")
    shares = {"ours": percent(ours["value"]), "theirs": percent(theirs["value"])}
    return words.format(**shares, number=pair.champion.number, gap=f"{-100 * gap:.1f}")
