"""Versions beside each other: which are compared, how each was measured, and their figures with what stands out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from mltasks.models import ModelVersion, RegisteredModel
from mltasks.reports.figure_comparison import COMPARED, difference, stands_out
from mltasks.reports.version_report import Reading

LEAST, MOST = 2, 6


@dataclass(frozen=True)
class Choice:
    """The versions that somebody wants compared, oldest first. ``refusal`` says why they can't be, ``left_out`` how
    many of the numbers are no version."""

    versions: list[ModelVersion]
    left_out: int
    refusal: str = ""
    too_many: bool = False


@dataclass(frozen=True)
class Figure:
    """One figure of every version. ``best`` is the position of the one that stands out, ``change`` says how the newer
    of two differs."""

    words: str
    estimates: list[dict[str, Any] | None]
    best: int | None
    change: str


def choose(model: RegisteredModel, numbers: Sequence[int]) -> Choice:
    """The model's versions with these numbers. Numbers of no version are left out; less than two or more than six
    versions are refused."""
    wanted = set(numbers)
    there = wanted & set(model.versions.values_list("number", flat=True))
    if len(there) > MOST:
        said = _("Choose at most {most}: more curves over one another can't be told apart.")
        return Choice([], len(wanted) - len(there), said.format(most=MOST), too_many=True)
    related = ModelVersion.objects.select_related("model", "report", "run__snapshot")
    versions = list(related.filter(model=model, number__in=there).order_by("number"))
    refusal = _("Choose at least two versions.") if len(versions) < LEAST else ""
    return Choice(versions, len(wanted) - len(versions), refusal)


def figures(readings: Sequence[Reading]) -> list[Figure]:
    """What all reports tell, a row each; a version that lacks one has none."""
    rows = []
    for name, words, more_is_better in COMPARED:
        estimates = [reading.metrics.get(name) for reading in readings]
        if any(estimates):
            change = difference(estimates[1], estimates[0], more_is_better) if len(readings) == LEAST else ""
            rows.append(Figure(str(words), estimates, stands_out(estimates, more_is_better), change))
    return rows


def defect_types(readings: Sequence[Reading]) -> list[tuple[str, list[dict[str, Any] | None]]]:
    """Each defect type with every version's recall of it; None where a version was not measured by any such part."""
    found = [reading.report.get("defect_types", {}) for reading in readings]
    return [(name, [types.get(name) for types in found]) for name in sorted(set().union(*found))]


def measured_alike(readings: Sequence[Reading]) -> bool:
    """Whether all were measured in the same way on the same images."""
    return len({_measured(reading) for reading in readings}) == 1 and readings[0].version.run.snapshot is not None


def cost_alike(readings: Sequence[Reading]) -> bool:
    """Whether a mistake cost the same, and so each version's FAIL begins where the same costs put it."""
    return len({str(sorted(reading.report.get("costs", {}).items())) for reading in readings}) == 1


def how_measured(reading: Reading) -> str:
    """On what a version was measured, in a few words."""
    snapshot, counts = reading.version.run.snapshot, reading.report.get("counts")
    if not counts:
        return _("it has no report")
    words = [_("snapshot {number}").format(number=snapshot.number) if snapshot else _("images from elsewhere")]
    said = ngettext("{number} image of {parts} parts", "{number} images of {parts} parts", counts["images"])
    words.append(said.format(number=counts["images"], parts=counts["parts"]))
    protocol = reading.report.get("protocol", {})
    if protocol.get("kind") == "holdout":
        words.append(_("held out"))
    elif protocol.get("folds"):
        words.append(_("{folds}-fold cross-validation").format(folds=protocol["folds"]))
    return ", ".join(words)


def _measured(reading: Reading) -> tuple[object, ...]:
    protocol, snapshot = reading.report.get("protocol", {}), reading.version.run.snapshot
    # Of two snapshots with the same images and labels one may have been dealt otherwise.
    return (snapshot and snapshot.sha256, *(protocol.get(name) for name in ("kind", "folds", "seed", "test")))
