"""A benchmark's table as a figure: every row in it, whatever the protocol."""

from __future__ import annotations

from pathlib import Path

from mltasks.vision.benchmarks.charts import MAX_LINES, write_table_chart
from mltasks.vision.benchmarks.repeated_figures import Proportion, Row, Table
from tests.vision.sample_images import svg_text


def test_two_recipes_stand_side_by_side(tmp_path: Path) -> None:
    ours = Row.from_runs("Second Look", [{"AUROC": 0.95, "alone": 0.9}, {"AUROC": 0.97, "alone": 0.8}])
    theirs = Row.from_runs("baseline recipe", [{"AUROC": 0.8}, {"AUROC": 0.7}])

    write_table_chart(tmp_path / "a.svg", "Phone cases", Table("", [ours, theirs]))

    shown = svg_text(tmp_path / "a.svg")
    assert all(text in shown for text in ("Phone cases", "Second Look", "baseline recipe", "alone"))
    assert shown.count("AUROC") == 1


def test_of_many_rows_each_keeps_its_first_figure(tmp_path: Path) -> None:
    rows = [Row.from_runs(f"detector {number}", [{"all types": 0.8, "crack": 0.6}]) for number in range(MAX_LINES)]

    write_table_chart(tmp_path / "a.svg", "Novelty", Table("", rows))

    shown = svg_text(tmp_path / "a.svg")
    assert all(f"detector {number}" in shown for number in range(MAX_LINES))
    assert "crack" not in shown


def test_times_counts_and_what_nobody_measured_stay_in_the_table(tmp_path: Path) -> None:
    row = Row(
        "one image", {**Row.from_runs("", [{"ms": 95.0, "share": 0.5}]).figures, "none": Proportion.from_hits([], [])}
    )

    write_table_chart(tmp_path / "a.svg", "Graph", Table("", [row]))

    shown = svg_text(tmp_path / "a.svg")
    assert "one image, share" in shown and "ms" not in shown and "none" not in shown


def test_a_table_without_a_share_is_drawn_empty(tmp_path: Path) -> None:
    write_table_chart(tmp_path / "a.svg", "Graph", Table("", [Row.from_runs("one image", [{"ms": 95.0}])]))

    assert "Graph" in svg_text(tmp_path / "a.svg")


def test_strategies_become_curves_under_what_all_labels_give(tmp_path: Path) -> None:
    nights = {"night 0, 37 labels": 0.7, "night 1, 77 labels": 0.8}
    rows = [
        Row.from_runs("all labels", [{"average precision": 0.9, "labels": 940.0}]),
        *(Row.from_runs(name, [nights, nights]) for name in ("expected_cost", "random")),
        Row.from_runs("labels to reach 98%", [{"labels by random": 300.0}]),
    ]

    write_table_chart(tmp_path / "a.svg", "Asking", Table("", rows))

    shown = svg_text(tmp_path / "a.svg")
    assert all(text in shown for text in ("expected_cost", "random", "all labels", "Labels"))
