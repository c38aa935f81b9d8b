"""Comparison of several versions: selection, evaluation and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from mltasks.models import ModelVersion, RegisteredModel
from mltasks.reports.figure_comparison import COMPARED_METRICS, difference_text, index_of_best
from mltasks.reports.version_report import VersionReport

MIN_VERSIONS, MAX_VERSIONS = 2, 6


@dataclass(frozen=True)
class VersionSelection:
    """Versions selected for comparison, oldest first.

    ``refusal`` says why they can't be compared. ``unknown_count`` is how many of the numbers are no version.
    """

    versions: list[ModelVersion]
    unknown_count: int
    refusal: str = ""
    too_many: bool = False


@dataclass(frozen=True)
class ComparedFigure:
    """Figure of every compared version.

    ``best_index`` is the position of the clearly best one. ``difference`` describes how the newer of two differs.
    """

    title: str
    estimates: list[dict[str, Any] | None]
    best_index: int | None
    difference: str


def select_versions(model: RegisteredModel, numbers: Sequence[int]) -> VersionSelection:
    """Return the model's versions with these numbers; unknown numbers are left out.

    Fewer than two or more than six versions are refused.
    """
    wanted = set(numbers)
    there = wanted & set(model.versions.values_list("number", flat=True))
    if len(there) > MAX_VERSIONS:
        said = _("Choose at most {most}: more curves over one another can't be told apart.")
        return VersionSelection([], len(wanted) - len(there), said.format(most=MAX_VERSIONS), too_many=True)
    related = ModelVersion.objects.select_related("model", "report", "run__snapshot")
    versions = list(related.filter(model=model, number__in=there).order_by("number"))
    refusal = _("Choose at least two versions.") if len(versions) < MIN_VERSIONS else ""
    return VersionSelection(versions, len(wanted) - len(versions), refusal)


def compare_figures(reports: Sequence[VersionReport]) -> list[ComparedFigure]:
    """Return one row per figure that a report has; the estimate is None where it is missing."""
    rows = []
    for name, words, more_is_better in COMPARED_METRICS:
        estimates = [reading.metrics.get(name) for reading in reports]
        if any(estimates):
            change = difference_text(estimates[1], estimates[0], more_is_better) if len(reports) == MIN_VERSIONS else ""
            rows.append(ComparedFigure(str(words), estimates, index_of_best(estimates, more_is_better), change))
    return rows


def recall_by_defect_type(reports: Sequence[VersionReport]) -> list[tuple[str, list[dict[str, Any] | None]]]:
    """Return each defect type with every version's recall; None where it was not measured."""
    found = [reading.evaluation.get("defect_types", {}) for reading in reports]
    return [(name, [types.get(name) for types in found]) for name in sorted(set().union(*found))]


def have_same_evaluation(reports: Sequence[VersionReport]) -> bool:
    """Return True if all versions were evaluated in the same way on the same images."""
    return len({_evaluation_key(reading) for reading in reports}) == 1 and reports[0].version.run.snapshot is not None


def have_same_costs(reports: Sequence[VersionReport]) -> bool:
    """Return True if the costs of errors are equal, so that they set each FAIL threshold alike."""
    return len({str(sorted(reading.evaluation.get("costs", {}).items())) for reading in reports}) == 1


def evaluation_text(report: VersionReport) -> str:
    """Return a short description of the data that the version was evaluated on."""
    snapshot, counts = report.version.run.snapshot, report.evaluation.get("counts")
    if not counts:
        return _("it has no report")
    words = [_("snapshot {number}").format(number=snapshot.number) if snapshot else _("images from elsewhere")]
    said = ngettext("{number} image of {parts} parts", "{number} images of {parts} parts", counts["images"])
    words.append(said.format(number=counts["images"], parts=counts["parts"]))
    protocol = report.evaluation.get("protocol", {})
    if protocol.get("kind") == "holdout":
        words.append(_("held out"))
    elif protocol.get("folds"):
        words.append(_("{folds}-fold cross-validation").format(folds=protocol["folds"]))
    return ", ".join(words)


def _evaluation_key(report: VersionReport) -> tuple[object, ...]:
    protocol, snapshot = report.evaluation.get("protocol", {}), report.version.run.snapshot
    # Two snapshots with the same images and labels may have different splits.
    return (snapshot and snapshot.sha256, *(protocol.get(name) for name in ("kind", "folds", "seed", "test")))
