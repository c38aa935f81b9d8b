"""Report of a finished replay: texts, tables and changed verdicts of its page."""

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
    """Part whose verdict would change, with both model verdicts."""

    part: Inspection
    champion: ModelVerdict
    candidate: ModelVerdict


@dataclass(frozen=True, slots=True)
class HoldoutRow:
    """Metric of the locked holdout by both versions: of the line (corrected) and as counted."""

    title: str
    candidate: dict[str, Any]
    champion: dict[str, Any] | None


class ReplayReport:
    """Values of a replay's page."""

    def __init__(self, replay: Replay) -> None:
        self.replay = replay

    @property
    def figures(self) -> dict[str, Any]:
        """Return the replay's figures; empty until it has finished."""
        found: dict[str, Any] = self.replay.figures
        return found

    @cached_property
    def changed_count(self) -> int:
        """Return the number of verdicts that would change."""
        matrix = self.figures.get("matrix", {})
        return sum(count for theirs, row in matrix.items() for ours, count in row.items() if ours != theirs)

    @property
    def matrix(self) -> list[tuple[str, list[tuple[str, int, bool]]]]:
        """Return the candidate's verdicts by the champion's, with counts and if they are equal."""
        matrix = self.figures.get("matrix", {})
        return [
            (str(theirs), [(str(ours), matrix[theirs][ours], ours == theirs) for ours in VERDICT_ORDER])
            for theirs in VERDICT_ORDER
            if theirs in matrix
        ]

    @property
    def summary(self) -> str:
        """Return the summary at the top of the page."""
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
        """Return the number of labeled parts that neither version trained on."""
        return replay_figures.evidence_part_count(self.figures)

    @property
    def too_few_text(self) -> str:
        """Return the text that replaces figures on too few judged parts; empty for enough parts."""
        return "" if replay_figures.has_enough_evidence(self.figures) else too_few_text(self.evidence_parts)

    @property
    def has_review_load(self) -> bool:
        """Return True if enough parts of the line were scored to show the review load."""
        return int(self.figures.get("parts", 0)) >= MIN_PARTS

    @property
    def holdout_too_few_text(self) -> str:
        """Return the text that replaces the holdout table; empty for enough parts."""
        parts = self.figures["holdout"]["candidate"]["review_rate"]["counted"]["parts"]
        return too_few_text(parts) if parts < MIN_PARTS else ""

    @cached_property
    def cost(self) -> replay_figures.ReplayCost | None:
        """Return the cost of 1000 parts, of the line or as counted; None for too few parts."""
        return replay_figures.replay_cost(self.figures)

    @property
    def holdout(self) -> list[HoldoutRow]:
        """Return the metrics of the locked holdout; empty without holdout parts."""
        both = self.figures.get("holdout", {})
        ours, theirs = both.get("candidate"), both.get("champion")
        if not ours:
            return []
        return [HoldoutRow(str(title), ours[name], theirs[name] if theirs else None) for name, title in HOLDOUT_METRICS]

    @cached_property
    def changed(self) -> list[ChangedVerdict]:
        """Return the parts whose verdict would change, worst first, at most MAX_SHOWN."""
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
