"""Versions beside each other: who may be compared, what stands out, and on which images they disagree."""

from __future__ import annotations

from typing import Any

import pytest

from mltasks.models import ModelVersion, RegisteredModel, TrainingRun
from mltasks.reports.figure_comparison import compare_figures, index_of_best
from mltasks.reports.version_comparison import (
    evaluation_text,
    have_same_costs,
    have_same_evaluation,
    recall_by_defect_type,
    select_versions,
)
from mltasks.reports.version_disagreement import find_disagreement
from mltasks.reports.version_report import VersionReport
from mltasks.vision.export.learn import LearnedVersion
from tests.disagreeing_versions import make_disagreeing_version, make_estimate
from tests.tiny_model import MakeVersion


def test_numbers_of_no_version_are_left_out_and_too_few_or_many_refused(
    model: RegisteredModel, make_version: MakeVersion
) -> None:
    for _ in range(7):
        make_version(model)
    found = select_versions(model, [5, 2, 2, 99, 0])
    assert ([version.number for version in found.versions], found.unknown_count, found.refusal) == ([2, 5], 2, "")
    assert select_versions(model, [3, 10**17]).refusal == "Choose at least two versions."
    many = select_versions(model, range(1, 8))
    assert (many.versions, many.too_many) == ([], True)
    assert "at most 6" in many.refusal


@pytest.mark.parametrize(
    ("values", "more", "best"),
    [
        ([make_estimate(0.95), make_estimate(0.8), None], True, 0),
        ([make_estimate(0.9), make_estimate(0.8), make_estimate(0.6)], False, 2),
        ([make_estimate(0.9), make_estimate(0.85), make_estimate(0.7)], True, None),
        ([make_estimate(0.9), None, {"value": None}], True, None),
    ],
)
def test_the_best_is_named_only_where_it_lies_apart_from_all(values: list[Any], more: bool, best: int | None) -> None:
    assert index_of_best(values, more) == best


def test_figures_say_what_two_differ_in_and_types_keep_what_one_lacks(
    model: RegisteredModel, learned: LearnedVersion
) -> None:
    low = make_disagreeing_version(model, learned, {}, metrics={"recall": make_estimate(0.7)})
    high = make_disagreeing_version(model, learned, {}, metrics={"recall": make_estimate(0.9), "auroc": None})
    readings = [VersionReport(low), VersionReport(high)]
    rows = {row.title: row for row in compare_figures(readings)}
    recall = rows["Recall: defective parts that it fails"]
    assert (recall.best_index, recall.difference) == (1, "20.0 points better")
    assert rows["AUROC: chance that a defective part scores above a good one"].estimates[1] is None
    readings[1].evaluation["defect_types"] = {"dent": make_estimate(0.5)}
    assert [name for name, _ in recall_by_defect_type(readings)] == ["dent", "excess", "scratch"]
    assert [estimate for _, estimate in recall_by_defect_type(readings)[0][1]] == [None, make_estimate(0.5)]


def test_it_says_whether_they_were_measured_alike(model: RegisteredModel, learned: LearnedVersion) -> None:
    one, other = make_disagreeing_version(model, learned, {}), make_disagreeing_version(model, learned, {})
    readings = [VersionReport(one), VersionReport(other)]
    assert have_same_evaluation(readings)
    assert have_same_costs(readings)
    assert evaluation_text(readings[0]) == "snapshot 1, 16 images of 16 parts, 2-fold cross-validation"
    readings[1].evaluation["protocol"] = {**readings[1].evaluation["protocol"], "kind": "holdout"}
    readings[1].evaluation["costs"] = {"fn": 9.0}
    assert not have_same_evaluation(readings)
    assert not have_same_costs(readings)
    assert evaluation_text(readings[1]) == "snapshot 2, 16 images of 16 parts, held out"


def test_they_disagree_where_one_fails_what_another_passes_defects_first(
    model: RegisteredModel, learned: LearnedVersion
) -> None:
    first = make_disagreeing_version(
        model, learned, {"scratch-08.jpg": 0.02, "scratch-09.jpg": 0.15, "good-00.jpg": 0.99}
    )
    second = make_disagreeing_version(
        model, learned, {"excess-12.jpg": 0.05, "scratch-09.jpg": 0.01}, without="excess-15.jpg"
    )
    found = find_disagreement([first, second])
    assert (found.shared_count, found.single_version_count, found.agreeing_count, found.unreadable_versions) == (
        15,
        1,
        12,
        [],
    )
    # The one that both let pass is no disagreement.
    assert [image.name for image in found.differing_images] == ["scratch-08.jpg", "excess-12.jpg", "good-00.jpg"]
    assert found.differing_images[0].predictions[1].probability == 0.02
    (pair,) = found.pairs
    assert (pair.parts.first_only, pair.parts.second_only, pair.parts.n) == (1, 2, 15)
    assert (pair.defects.first_only, pair.defects.second_only, pair.better) == (1, 1, None)
    assert [(row.version, row.recall.n) for row in found.common_rates] == [(first, 7), (second, 7)]


def test_what_chance_does_not_explain_names_the_better_one(model: RegisteredModel, learned: LearnedVersion) -> None:
    names = [row["name"] for row in learned.report["predictions"] if row["target"]]
    worse, better = (
        make_disagreeing_version(model, learned, dict.fromkeys(names, 0.1)),
        make_disagreeing_version(model, learned, {}),
    )
    (pair,) = find_disagreement([worse, better]).pairs
    assert (pair.parts.second_only, pair.better) == (8, better)
    assert pair.p_value == pytest.approx(0.00390625)


def test_images_of_one_part_count_once_and_labels_changed_in_between_are_told(
    model: RegisteredModel, learned: LearnedVersion
) -> None:
    names = [row["name"] for row in learned.report["predictions"] if row["target"]]
    worse, better = (
        make_disagreeing_version(model, learned, dict.fromkeys(names, 0.1)),
        make_disagreeing_version(model, learned, {}),
    )
    # Rows of a snapshot never change; another snapshot says that all defective images show one part.
    other = better.run.snapshot
    assert other is not None
    items = list(other.items.all())
    other.pk = None
    other.number = 3
    other.save()
    for item in items:
        item.pk, item.snapshot = None, other
        item.group = "one part" if item.target else item.group
        item.save()
    TrainingRun.objects.filter(pk=better.run_id).update(snapshot=other)
    better = ModelVersion.objects.get(pk=better.pk)
    (pair,) = find_disagreement([worse, better]).pairs
    assert (pair.parts.n, pair.parts.second_only, pair.defects.second_only, pair.better) == (9, 1, 1, None)
    # A group by a part id that names no part joins nothing.
    (pair,) = find_disagreement([worse, better], lambda group: group != "one part").pairs
    assert (pair.parts.n, pair.parts.second_only) == (16, 8)


def test_a_version_without_its_directory_or_snapshot_is_no_obstacle(
    model: RegisteredModel, learned: LearnedVersion
) -> None:
    known = [
        make_disagreeing_version(model, learned, {"good-00.jpg": 0.9}),
        make_disagreeing_version(model, learned, {}),
    ]
    gone = make_disagreeing_version(model, learned, {})
    (gone.path / "report.json").unlink()
    broken = make_disagreeing_version(model, learned, {})
    (broken.path / "report.json").unlink()
    (broken.path / "report.json").write_text("{}")
    TrainingRun.objects.filter(pk=known[0].run_id).update(snapshot=None)
    versions = [ModelVersion.objects.get(pk=one.pk) for one in (*known, gone, broken)]
    found = find_disagreement(versions)
    assert found.unreadable_versions == [gone, broken]
    assert [image.name for image in found.differing_images] == ["good-00.jpg"]
    assert [len(find_disagreement([one]).pairs) for one in (versions[0], gone)] == [0, 0]
    assert not have_same_evaluation([VersionReport(one) for one in versions[:2]])
    assert evaluation_text(VersionReport(versions[0])).startswith("external images, 16 images")
