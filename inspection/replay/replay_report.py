"""A finished replay as people read it: what would be otherwise, in sentences, tables and pictures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from inspection.models import Inspection, Replay, Verdict
from inspection.replay import replay_figures
from inspection.replay.sample_size import MIN_PARTS, too_few_text
from inspection.replay.scored_parts import ModelVerdict, load_model_verdicts
from mltasks.reports.rate_names import ESCAPE_RATE_OF_PARTS

MAX_SHOWN = 60
VERDICT_ORDER = (Verdict.PASS, Verdict.REVIEW, Verdict.FAIL)
HOLDOUT_METRICS: tuple[tuple[str, Promise], ...] = (
    ("recall", gettext_lazy("Recall: defective parts that do not pass")),
    ("escape_rate", ESCAPE_RATE_OF_PARTS),
    ("false_alarm_rate", gettext_lazy("False alarms: good parts that fail")),
    ("review_rate", gettext_lazy("Parts a person must look at")),
)


@dataclass(frozen=True, slots=True)
class ChangedVerdict:
    """A part whose verdict would turn, with both versions' words."""

    part: Inspection
    champion: ModelVerdict
    candidate: ModelVerdict


@dataclass(frozen=True, slots=True)
class HoldoutRow:
    """A figure of the locked holdout: of the line (corrected) and as counted, by both versions."""

    title: str
    candidate: dict[str, Any]
    champion: dict[str, Any] | None


class ReplayReport:
    """One replay with what its page shows."""

    def __init__(self, replay: Replay) -> None:
        self.replay = replay

    @property
    def figures(self) -> dict[str, Any]:
        """What came of it; empty until it is over."""
        found: dict[str, Any] = self.replay.figures
        return found

    @cached_property
    def changed_count(self) -> int:
        """How many verdicts would turn."""
        matrix = self.figures.get("matrix", {})
        return sum(count for theirs, row in matrix.items() for ours, count in row.items() if ours != theirs)

    @property
    def matrix(self) -> list[tuple[str, list[tuple[str, int, bool]]]]:
        """By the champion's verdict: the candidate's, how many parts, and whether that is the same."""
        matrix = self.figures.get("matrix", {})
        return [
            (str(theirs), [(str(ours), matrix[theirs][ours], ours == theirs) for ours in VERDICT_ORDER])
            for theirs in VERDICT_ORDER
            if theirs in matrix
        ]

    @property
    def summary(self) -> str:
        """What a manager reads first."""
        figures, champion = self.figures, self.replay.champion
        if champion is None:
            return ngettext(
                "Version {number} scored {count} part. There is no champion to hold it against.",
                "Version {number} scored {count} parts. There is no champion to hold it against.",
                figures["parts"],
            ).format(number=self.replay.candidate.number, count=figures["parts"])
        turned = ngettext(
            "Of {parts} parts version {number} would have decided {flips} otherwise than version {champion}.",
            "Of {parts} parts version {number} would have decided {flips} otherwise than version {champion}.",
            self.changed_count,
        ).format(
            parts=figures["parts"],
            number=self.replay.candidate.number,
            flips=self.changed_count,
            champion=champion.number,
        )
        return f"{turned} {self._labels_summary()}"

    def _labels_summary(self) -> str:
        gained, count = self.figures["gained"], self.evidence_parts
        if not count:
            return _("None of them is labeled and new to both versions, so nothing tells which of the two is right.")
        if self.too_few_text:
            return self.too_few_text
        words = _(
            "On {count} labeled parts that neither has learned from it passes {new} defective ones that the champion "
            "stopped, and stops {caught} that the champion passed."
        )
        return words.format(count=count, new=gained["new_escapes"], caught=gained["caught_escapes"])

    @property
    def evidence_parts(self) -> int:
        """Labeled parts that neither version learned from."""
        return replay_figures.evidence_part_count(self.figures)

    @property
    def too_few_text(self) -> str:
        """The sentence in place of figures on too few judged parts; empty where they are enough."""
        return "" if replay_figures.has_enough_evidence(self.figures) else too_few_text(self.evidence_parts)

    @property
    def has_review_load(self) -> bool:
        """True if enough parts of the line were scored to tell the review load."""
        return int(self.figures.get("parts", 0)) >= MIN_PARTS

    @property
    def holdout_too_few_text(self) -> str:
        """The sentence in place of the locked holdout's table; empty where it has enough parts."""
        parts = self.figures["holdout"]["candidate"]["review_rate"]["counted"]["parts"]
        return too_few_text(parts) if parts < MIN_PARTS else ""

    @cached_property
    def cost(self) -> replay_figures.ReplayCost | None:
        """Cost of 1000 parts: of the line where parts came by chance, else as counted; None for too few parts."""
        return replay_figures.replay_cost(self.figures)

    @property
    def holdout(self) -> list[HoldoutRow]:
        """Figures of the locked holdout; none where nothing is locked."""
        both = self.figures.get("holdout", {})
        ours, theirs = both.get("candidate"), both.get("champion")
        if not ours:
            return []
        return [HoldoutRow(str(title), ours[name], theirs[name] if theirs else None) for name, title in HOLDOUT_METRICS]

    @cached_property
    def changed(self) -> list[ChangedVerdict]:
        """The parts whose verdict would turn, worst first, as many as the page shows."""
        keys = [UUID(key) for key in self.figures.get("flips", [])[:MAX_SHOWN]]
        product = self.replay.product
        ours, theirs = (
            load_model_verdicts(version, product, keys) for version in (self.replay.candidate, self.replay.champion)
        )
        parts = {part.pk: part for part in Inspection.objects.filter(pk__in=keys)}
        return [
            ChangedVerdict(parts[key], theirs[key], ours[key])
            for key in keys
            if key in parts and key in ours and key in theirs
        ]
