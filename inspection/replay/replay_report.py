"""Report of a finished replay: texts, tables and changed verdicts of its page."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from inspection.models import Inspection, Replay
from inspection.replay.sample_size import MIN_PARTS, has_enough_parts, too_few_text
from inspection.replay.scored_parts import VersionVerdict, load_version_verdicts
from inspection.replay.verdict_matrix import MatrixRow, matrix_rows
from mltasks.reports.report_figures import HOLDOUT_FIGURES

MAX_SHOWN = 60


@dataclass(frozen=True, slots=True)
class ChangedVerdict:
    """Part whose verdict would change, with both model verdicts."""

    part: Inspection
    champion: VersionVerdict
    candidate: VersionVerdict


@dataclass(frozen=True, slots=True)
class HoldoutRow:
    """Metric of the locked holdout by both versions: of the line (corrected) and as counted."""

    title: str
    candidate: dict[str, Any]
    champion: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class ReplayCost:
    """Estimated cost of 1000 parts by the candidate, by the champion, and their difference.

    Without a champion the latter two are missing. ``corrected`` is True if parts are weighted by 1 / inclusion
    probability: then it is the line's cost.
    """

    candidate: dict[str, Any]
    champion: dict[str, Any] | None
    difference: dict[str, Any] | None
    corrected: bool


class ReplayReport:
    """Values of a replay for its page and for the gate.

    ``figures`` are empty until the replay has finished.
    """

    def __init__(self, replay: Replay) -> None:
        self.replay = replay
        self.figures: dict[str, Any] = replay.figures

    @cached_property
    def changed_count(self) -> int:
        """Return the number of verdicts that would change."""
        return sum(count for _champion, row in self.matrix for _candidate, count, same in row if not same)

    @property
    def matrix(self) -> list[MatrixRow]:
        """Return the candidate's verdicts by the champion's, with counts and if they are equal."""
        return matrix_rows(self.figures.get("matrix", {}))

    @property
    def summary(self) -> str:
        """Return the summary at the top of the page."""
        figures, champion = self.figures, self.replay.champion
        if champion is None:
            return ngettext(
                "Version {number} scored {count} part. There is no champion to compare it with.",
                "Version {number} scored {count} parts. There is no champion to compare it with.",
                figures["parts"],
            ).format(number=self.replay.candidate.number, count=figures["parts"])
        text = _("Version {number} decides {changed} of {parts} parts differently than version {champion}.").format(
            number=self.replay.candidate.number,
            changed=self.changed_count,
            parts=figures["parts"],
            champion=champion.number,
        )
        return f"{text} {self._labels_summary()}"

    def _labels_summary(self) -> str:
        changes, count = self.figures["gained"], self.evidence_parts
        if not count:
            return _("No part is labeled and new to both versions, so it is unknown which version is right.")
        if self.too_few_text:
            return self.too_few_text
        text = _(
            "Neither version was trained on {count} labeled parts. Of these the candidate passes {new} defective parts "
            "that the champion stops, and stops {caught} that the champion passes."
        )
        return text.format(count=count, new=changes["new_escapes"], caught=changes["caught_escapes"])

    @property
    def evidence_parts(self) -> int:
        """Return the number of labeled parts, not images, that neither version was trained on.

        Figures of earlier releases have the number of labeled images only.
        """
        return int(self.figures.get("judged", self.figures.get("evidence", 0)))

    @property
    def too_few_text(self) -> str:
        """Return the text that replaces figures on too few labeled parts; empty for enough parts."""
        return "" if self.evidence_parts >= MIN_PARTS else too_few_text(self.evidence_parts)

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
    def cost(self) -> ReplayCost | None:
        """Return the cost of 1000 parts, of the line or as counted; None for too few parts.

        The cost as counted is used if too few labeled parts were sampled by chance.
        """
        for name in ("corrected", "counted"):
            estimates = self.figures.get("cost", {}).get(name, {})
            if has_enough_parts(estimates.get("candidate")):
                pair = estimates.get("champion"), estimates.get("difference")
                return ReplayCost(estimates["candidate"], *pair, corrected=name == "corrected")
        return None

    @property
    def holdout(self) -> list[HoldoutRow]:
        """Return the metrics of the locked holdout; empty without holdout parts."""
        metrics = self.figures.get("holdout", {})
        candidate, champion = metrics.get("candidate"), metrics.get("champion")
        if not candidate:
            return []
        return [
            HoldoutRow(figure.full_title, candidate[figure.name], champion[figure.name] if champion else None)
            for figure in HOLDOUT_FIGURES
        ]

    @cached_property
    def changed(self) -> list[ChangedVerdict]:
        """Return the parts whose verdict would change, worst first, at most MAX_SHOWN."""
        keys = [UUID(key) for key in self.figures.get("flips", [])[:MAX_SHOWN]]
        product = self.replay.product
        candidate, champion = (
            load_version_verdicts(version, product, keys) for version in (self.replay.candidate, self.replay.champion)
        )
        parts = Inspection.objects.in_bulk(keys)
        return [
            ChangedVerdict(parts[key], champion[key], candidate[key])
            for key in keys
            if key in parts and key in candidate and key in champion
        ]
