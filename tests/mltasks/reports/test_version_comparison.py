"""Versions beside each other: who may be compared, what stands out, and on which images they disagree."""

from __future__ import annotations

from typing import Any

import pytest

from mltasks.models import ModelVersion, RegisteredModel, TrainingRun
from mltasks.reports.figure_comparison import stands_out
from mltasks.reports.version_comparison import choose, cost_alike, defect_types, figures, how_measured, measured_alike
from mltasks.reports.version_disagreement import disagreement
from mltasks.reports.version_report import Reading
from mltasks.vision.export.learn import Learned
from tests.disagreeing_versions import figure, make_apart
from tests.tiny_model import MakeVersion


def test_numbers_of_no_version_are_left_out_and_too_few_or_many_refused(
    model: RegisteredModel, make_version: MakeVersion
) -> None:
    for _ in range(7):
        make_version(model)
    found = choose(model, [5, 2, 2, 99, 0])
    assert ([version.number for version in found.versions], found.left_out, found.refusal) == ([2, 5], 2, "")
    assert choose(model, [3, 10**17]).refusal == "Choose at least two versions."
    many = choose(model, range(1, 8))
    assert (many.versions, many.too_many) == ([], True)
    assert "at most 6" in many.refusal


@pytest.mark.parametrize(
    ("values", "more", "best"),
    [
        ([figure(0.95), figure(0.8), None], True, 0),
        ([figure(0.9), figure(0.8), figure(0.6)], False, 2),
        ([figure(0.9), figure(0.85), figure(0.7)], True, None),
        ([figure(0.9), None, {"value": None}], True, None),
    ],
)
def test_the_best_is_named_only_where_it_lies_apart_from_all(values: list[Any], more: bool, best: int | None) -> None:
    assert stands_out(values, more) == best


def test_figures_say_what_two_differ_in_and_types_keep_what_one_lacks(model: RegisteredModel, learned: Learned) -> None:
    low = make_apart(model, learned, {}, metrics={"recall": figure(0.7)})
    high = make_apart(model, learned, {}, metrics={"recall": figure(0.9), "auroc": None})
    readings = [Reading(low), Reading(high)]
    rows = {row.words: row for row in figures(readings)}
    recall = rows["Recall: defects it fails"]
    assert (recall.best, recall.change) == (1, "20.0 points better")
    assert rows["AUROC"].estimates[1] is None
    readings[1].report["defect_types"] = {"dent": figure(0.5)}
    assert [name for name, _ in defect_types(readings)] == ["dent", "excess", "scratch"]
    assert defect_types(readings)[0][1] == [None, figure(0.5)]


def test_it_says_whether_they_were_measured_alike(model: RegisteredModel, learned: Learned) -> None:
    one, other = make_apart(model, learned, {}), make_apart(model, learned, {})
    readings = [Reading(one), Reading(other)]
    assert measured_alike(readings)
    assert cost_alike(readings)
    assert how_measured(readings[0]) == "snapshot 1, 16 images of 16 parts, 2-fold cross-validation"
    readings[1].report["protocol"] = {**readings[1].report["protocol"], "kind": "holdout"}
    readings[1].report["costs"] = {"fn": 9.0}
    assert not measured_alike(readings)
    assert not cost_alike(readings)
    assert how_measured(readings[1]) == "snapshot 2, 16 images of 16 parts, held out"


def test_they_disagree_where_one_fails_what_another_passes_defects_first(
    model: RegisteredModel, learned: Learned
) -> None:
    first = make_apart(model, learned, {"scratch-08.jpg": 0.02, "scratch-09.jpg": 0.15, "good-00.jpg": 0.99})
    second = make_apart(model, learned, {"excess-12.jpg": 0.05, "scratch-09.jpg": 0.01}, without="excess-15.jpg")
    found = disagreement([first, second])
    assert (found.shared, found.alone, found.agree, found.unread) == (15, 1, 12, [])
    # The one that both let pass is no disagreement.
    assert [image.name for image in found.differ] == ["scratch-08.jpg", "excess-12.jpg", "good-00.jpg"]
    assert found.differ[0].said[1].probability == 0.02
    (pair,) = found.pairs
    assert (pair.parts.first_only, pair.parts.second_only, pair.parts.n) == (1, 2, 15)
    assert (pair.first_only_defects, pair.second_only_defects, pair.better) == (1, 1, None)
    assert [(row.version, row.recall.n) for row in found.on_common] == [(first, 7), (second, 7)]


def test_what_chance_does_not_explain_names_the_better_one(model: RegisteredModel, learned: Learned) -> None:
    names = [row["name"] for row in learned.report["predictions"] if row["target"]]
    worse, better = make_apart(model, learned, dict.fromkeys(names, 0.1)), make_apart(model, learned, {})
    (pair,) = disagreement([worse, better]).pairs
    assert (pair.parts.second_only, pair.better) == (8, better)
    assert pair.p_value == pytest.approx(0.00390625)


def test_images_of_one_part_count_once_and_labels_changed_in_between_are_told(
    model: RegisteredModel, learned: Learned
) -> None:
    names = [row["name"] for row in learned.report["predictions"] if row["target"]]
    worse, better = make_apart(model, learned, dict.fromkeys(names, 0.1)), make_apart(model, learned, {})
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
    (pair,) = disagreement([worse, better]).pairs
    assert (pair.parts.n, pair.parts.second_only, pair.second_only_defects, pair.better) == (9, 1, 1, None)
    # A group by a part id that names no part joins nothing.
    (pair,) = disagreement([worse, better], lambda group: group != "one part").pairs
    assert (pair.parts.n, pair.parts.second_only) == (16, 8)


def test_a_version_without_its_directory_or_snapshot_is_no_obstacle(model: RegisteredModel, learned: Learned) -> None:
    known = [make_apart(model, learned, {"good-00.jpg": 0.9}), make_apart(model, learned, {})]
    gone = make_apart(model, learned, {})
    (gone.path / "report.json").unlink()
    broken = make_apart(model, learned, {})
    (broken.path / "report.json").unlink()
    (broken.path / "report.json").write_text("{}")
    TrainingRun.objects.filter(pk=known[0].run_id).update(snapshot=None)
    versions = [ModelVersion.objects.get(pk=one.pk) for one in (*known, gone, broken)]
    found = disagreement(versions)
    assert found.unread == [gone, broken]
    assert [image.name for image in found.differ] == ["good-00.jpg"]
    assert [len(disagreement([one]).pairs) for one in (versions[0], gone)] == [0, 0]
    assert not measured_alike([Reading(one) for one in versions[:2]])
    assert how_measured(Reading(versions[0])).startswith("images from elsewhere, 16 images")
