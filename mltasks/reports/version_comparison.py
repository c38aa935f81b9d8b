"""Versions beside each other: which are compared, how each was measured, and their figures with what stands out."""

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
    """The versions that somebody wants compared, oldest first. ``refusal`` says why they can't be, ``unknown_count``
    how
    many of the numbers are no version."""

    versions: list[ModelVersion]
    unknown_count: int
    refusal: str = ""
    too_many: bool = False


@dataclass(frozen=True)
class ComparedFigure:
    """One figure of every version. ``best`` is the position of the one that stands out, ``difference`` says how the
    newer
    of two differs."""

    title: str
    estimates: list[dict[str, Any] | None]
    best_index: int | None
    difference: str


def select_versions(model: RegisteredModel, numbers: Sequence[int]) -> VersionSelection:
    """The model's versions with these numbers. Numbers of no version are left out; less than two or more than six
    versions are refused."""
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
    """What all reports tell, a row each; a version that lacks one has none."""
    rows = []
    for name, words, more_is_better in COMPARED_METRICS:
        estimates = [reading.metrics.get(name) for reading in reports]
        if any(estimates):
            change = difference_text(estimates[1], estimates[0], more_is_better) if len(reports) == MIN_VERSIONS else ""
            rows.append(ComparedFigure(str(words), estimates, index_of_best(estimates, more_is_better), change))
    return rows


def recall_by_defect_type(reports: Sequence[VersionReport]) -> list[tuple[str, list[dict[str, Any] | None]]]:
    """Each defect type with every version's recall of it; None where a version was not measured by any such part."""
    found = [reading.evaluation.get("defect_types", {}) for reading in reports]
    return [(name, [types.get(name) for types in found]) for name in sorted(set().union(*found))]


def have_same_evaluation(reports: Sequence[VersionReport]) -> bool:
    """Whether all were measured in the same way on the same images."""
    return len({_evaluation_key(reading) for reading in reports}) == 1 and reports[0].version.run.snapshot is not None


def have_same_costs(reports: Sequence[VersionReport]) -> bool:
    """Whether a mistake cost the same, and so each version's FAIL begins where the same costs put it."""
    return len({str(sorted(reading.evaluation.get("costs", {}).items())) for reading in reports}) == 1


def evaluation_text(report: VersionReport) -> str:
    """On what a version was measured, in a few words."""
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
    # Of two snapshots with the same images and labels one may have been dealt otherwise.
    return (snapshot and snapshot.sha256, *(protocol.get(name) for name in ("kind", "folds", "seed", "test")))
