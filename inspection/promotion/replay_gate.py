"""Gate lines that a replay answers: was the version replayed, and is it worse than the champion.

On too few judged parts a line does not hold, and says what to do. What the two versions' own reports show clearly worse
closes a line too; no report opens one, because each version was measured on parts of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from inspection.models import Product, Replay
from inspection.replay import replay, replay_figures
from inspection.replay.sample_size import too_few
from mltasks.models import ModelVersion
from mltasks.registry.gate import Line
from mltasks.reports.figure_comparison import clearly_worse
from mltasks.reports.report_text import percent
from mltasks.reports.version_report import Reading


@dataclass(frozen=True, slots=True)
class Comparison:
    """A version that may take a champion's place, and the newest finished replay of it beside that champion."""

    product: Product
    version: ModelVersion
    champion: ModelVersion
    done: Replay | None

    @property
    def parts(self) -> int:
        """Judged parts of the replay; 0 without one."""
        return replay_figures.judged_parts(self.done.figures) if self.done else 0

    @property
    def enough(self) -> bool:
        """True if the replay has enough judged parts for a comparison."""
        return self.done is not None and replay_figures.is_judged(self.done.figures)

    @property
    def command(self) -> str:
        """The command that replays the version."""
        return f"manage.py replay {self.product.slug} {self.version.number}"


def lines(product: Product, version: ModelVersion, champion: ModelVersion | None) -> list[Line]:
    """Return the lines replay, champion_recall, cost and escapes; of the first champion nothing of this is asked."""
    asked = {
        "replay": (_("Replay"), product.gate_replay),
        "champion_recall": (_("Recall beside the champion's"), product.gate_champion_recall),
        "cost": (_("Cost"), product.gate_cost),
        "escapes": (_("New escapes"), product.gate_escapes is not None),
    }
    if champion is None:
        words = _("There is no champion yet to compare it with.")
        return [Line(name, title, False, None, words) for name, (title, _asked) in asked.items()]
    pair = Comparison(product, version, champion, replay.latest(version, champion))
    answers = [_replay(pair), _recall(pair), _cost(pair), _escapes(pair)]
    return [Line(name, *of_line, *answer) for (name, of_line), answer in zip(asked.items(), answers, strict=True)]


Answer = tuple[bool | None, str]


def _replay(pair: Comparison) -> Answer:
    if pair.done is None:
        words = _("No part of the line's history was scored by it beside version {number}.")
        return False, f"{words.format(number=pair.champion.number)} {_what_to_do(pair)}"
    words = _("{count} parts of the line were scored by it beside version {number}.")
    return True, words.format(count=pair.done.figures["parts"], number=pair.champion.number)


def _what_to_do(pair: Comparison) -> str:
    newest = pair.version.replays.light().order_by("-created_at").first()
    if newest and not newest.finished:
        return _("Its replay is under way, {share} done: wait for its end.").format(share=f"{newest.progress:.0%}")
    if not replay.is_possible(pair.product):
        words = _(
            "There is nothing to replay yet: the line sent no part in the last {days} days, and no label is locked. "
            "Send parts by a station, then replay it first: {command}."
        )
        return words.format(days=replay.DAYS, command=pair.command)
    return _("Replay it first, on its Replay page or by the command: {command}.").format(command=pair.command)


def _recall(pair: Comparison) -> Answer:
    if pair.done is None or not pair.enough:
        worse = _reported(pair, "recall", more_is_better=True)
        return (False, worse) if worse else (None, _too_few(pair))
    if pair.done.figures.get("defective") == 0:
        return None, _("None of the {parts} judged parts is defective: label defective ones.").format(parts=pair.parts)
    gained = pair.done.figures["gained"]
    new, caught = gained["new_escapes"], gained["caught_escapes"]
    words = _(
        "Of {parts} judged parts it passes {new} defective ones that version {number} did not pass, and does not pass "
        "{caught} that version {number} passed"
    ).format(parts=pair.parts, new=new, caught=caught, number=pair.champion.number)
    if new > caught:
        return False, _("{count} more defective parts pass. {words}.").format(count=new - caught, words=words)
    return True, f"{words}."


def _cost(pair: Comparison) -> Answer:
    cost = replay_figures.cost(pair.done.figures) if pair.done else None
    if cost is None or not cost.champion or not cost.difference:
        worse = _reported(pair, "cost_per_1000", more_is_better=False)
        return (False, worse) if worse else (None, _too_few(pair))
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


def _escapes(pair: Comparison) -> Answer:
    if pair.done is None:
        return None, _("Not known before a replay.")
    new, most = pair.done.figures["gained"]["new_escapes"], pair.product.gate_escapes
    words = _("Of {count} judged parts it passes {new} defective ones that version {number} did not pass.")
    if most is not None:
        words = _(
            "Of {count} judged parts it passes {new} defective ones that version {number} did not pass; {most} may be."
        )
    text = words.format(count=pair.parts, new=new, number=pair.champion.number, most=most)
    # An escape that is there is there, however few the parts.
    if new > (most or 0):
        return False, text
    return (True, text) if pair.enough else (None, _too_few(pair))


def _too_few(pair: Comparison) -> str:
    if pair.done is None:
        return _("Not known before a replay.")
    words = _("Label parts that arrived after both versions were trained, then replay it again: {command}.")
    return f"{too_few(pair.parts)} {words.format(command=pair.command)}"


def _reported(pair: Comparison, name: str, *, more_is_better: bool) -> str:
    """Return what the reports say of a figure that is clearly worse than the champion's; empty where none is."""
    ours, theirs = (Reading(version).metrics.get(name) for version in (pair.version, pair.champion))
    if not ours or not theirs or not clearly_worse(ours, theirs, more_is_better):
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
