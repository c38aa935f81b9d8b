"""Comparison of several versions: selection and evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from mltasks.models import ModelVersion, RegisteredModel
from mltasks.reports.version_report import VersionReport

MIN_VERSIONS, MAX_VERSIONS = 2, 6


@dataclass(frozen=True)
class VersionSelection:
    """Versions selected for comparison, oldest first.

    ``refusal`` says why they cannot be compared. ``unknown_count`` is how many of the numbers are no version.
    """

    versions: list[ModelVersion]
    unknown_count: int
    refusal: str = ""
    too_many: bool = False


def select_versions(model: RegisteredModel, numbers: Sequence[int]) -> VersionSelection:
    """Return the model's versions with these numbers; unknown numbers are left out.

    Fewer than two or more than six versions are refused.
    """
    selected = ModelVersion.objects.filter(model=model, number__in=numbers).order_by("number")
    count = selected.count()
    unknown_count = len(set(numbers)) - count
    if count > MAX_VERSIONS:
        text = _("Choose at most {limit} versions: more curves in one chart cannot be distinguished.")
        return VersionSelection([], unknown_count, text.format(limit=MAX_VERSIONS), too_many=True)
    refusal = _("Choose at least two versions.") if count < MIN_VERSIONS else ""
    return VersionSelection(list(selected.select_related("model", "report", "run__snapshot")), unknown_count, refusal)


def recall_by_defect_type(
    reports: Sequence[VersionReport],
) -> list[tuple[str, list[tuple[VersionReport, dict[str, Any] | None]]]]:
    """Return each defect type with every version and its recall; None where it was not measured."""
    by_report = [(report, report.evaluation.get("defect_types", {})) for report in reports]
    names = sorted({name for _, types in by_report for name in types})
    return [(name, [(report, types.get(name)) for report, types in by_report]) for name in names]


def have_same_evaluation(reports: Sequence[VersionReport]) -> bool:
    """Return True if all versions were evaluated in the same way on the same images."""
    return len({_evaluation_key(report) for report in reports}) == 1 and reports[0].version.run.snapshot is not None


def have_same_costs(reports: Sequence[VersionReport]) -> bool:
    """Return True if the costs of errors are equal, so that all FAIL thresholds follow the same costs."""
    return len({str(sorted(report.evaluation.get("costs", {}).items())) for report in reports}) == 1


def evaluation_text(report: VersionReport) -> str:
    """Return a short description of the data that the version was evaluated on."""
    snapshot, counts = report.version.run.snapshot, report.evaluation.get("counts")
    if not counts:
        return _("no report")
    images = ngettext("{number} image of {parts} parts", "{number} images of {parts} parts", counts["images"])
    texts = [
        _("snapshot {number}").format(number=snapshot.number) if snapshot else _("external images"),
        images.format(number=counts["images"], parts=counts["parts"]),
    ]
    protocol = report.evaluation.get("protocol", {})
    if protocol.get("kind") == "holdout":
        texts.append(_("held out"))
    elif protocol.get("folds"):
        texts.append(_("{folds}-fold cross-validation").format(folds=protocol["folds"]))
    return ", ".join(texts)


def _evaluation_key(report: VersionReport) -> tuple[object, ...]:
    protocol, snapshot = report.evaluation.get("protocol", {}), report.version.run.snapshot
    # Two snapshots with the same images and labels may have different splits.
    return (snapshot and snapshot.sha256, *(protocol.get(name) for name in ("kind", "folds", "seed", "test")))
