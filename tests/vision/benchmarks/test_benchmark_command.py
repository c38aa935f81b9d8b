"""``manage.py benchmark``: a protocol run whole on a small folder, as a table and as JSON; what can't be is refused."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError
from PIL import Image

from mltasks.vision.benchmarks import cross_validation, novelty, protocol
from mltasks.vision.benchmarks.protocol import baseline_recipe
from mltasks.vision.drawing.line import write_image_folder
from mltasks.vision.train_config import TrainConfig
from tests.tiny_model import small_parts
from tests.vision.benchmark_run import assert_is_share, benchmark_json, run_benchmark
from tests.vision.sample_images import svg_text

RANKING = ["AUROC", "average precision"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six good parts, three of each labeled kind of defect."""
    made = tmp_path_factory.mktemp("parts")
    write_image_folder(made, small_parts(5, good=6, scratch=3, excess=3))
    return made


@pytest.mark.slow
def test_it_measures_few_labels_beside_the_seeds_recipe(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The baseline recipe at its own 224 pixels and five folds would take two minutes here.
    monkeypatch.setattr(
        protocol, "baseline_recipe", lambda config: replace(baseline_recipe(config), height=64, width=64)
    )
    monkeypatch.setattr(cross_validation, "FOLDS", 2)
    drawing = tmp_path / "found.svg"
    printed = run_benchmark("phone-cases", folder, "--json", str(tmp_path / "found.json"), "--plot", str(drawing))
    found = json.loads((tmp_path / "found.json").read_text())

    assert found["name"] == "phone-cases" and found["seconds"] > 0
    assert "12 images" in found["protocol"] and "1 repeat" in found["protocol"]
    assert list(found["rows"]) == ["Second Look", "baseline recipe"]
    ours, seeds = found["rows"].values()
    assert {name for name in ours if name.endswith(" alone")} == {
        f"AUROC of {name} alone" for name in (*TrainConfig().detectors, "pixels")
    }
    assert {name for name in seeds if name.endswith(" alone")} == {"AUROC of pixels alone"}
    for figures in (ours, seeds):
        assert list(figures)[:2] == RANKING
        for figure in figures.values():
            assert_is_share(figure)
    # The table that a person reads, and the JSON after it
    assert found["protocol"] in printed and "recall at the costs" in printed
    assert json.loads(printed[printed.index("{\n") :]) == found
    assert "baseline recipe" in svg_text(drawing)
    # Each repeat was said before, as soon as it was measured.
    said = [line.partition("] ")[2] for line in printed[: printed.index(found["protocol"])].splitlines()]
    assert [line.partition(":")[0] for line in said] == [f"{title}, repeat 1 of 1" for title in found["rows"]]
    assert said[0].startswith(f"Second Look, repeat 1 of 1: AUROC {ours['AUROC']['mean']:.3f}, average precision ")


@pytest.mark.slow
def test_it_keeps_near_duplicates_together_where_all_types_are_known(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        protocol, "baseline_recipe", lambda config: replace(baseline_recipe(config), height=64, width=64)
    )
    monkeypatch.setattr(cross_validation, "FOLDS", 2)
    twice = tmp_path / "parts"
    shutil.copytree(folder, twice)
    for path in sorted(folder.glob("*/*")):
        # The same part a moment later: other bytes, the same picture
        Image.open(path).save(twice / path.parent.name / f"again-{path.name}", quality=80)

    found = benchmark_json("all-types-known", twice, detectors=["memory"])

    assert "24 images in 12 groups that stay together" in found["protocol"]
    assert list(found["rows"]) == ["Second Look", "baseline recipe"]
    for figures in found["rows"].values():
        assert_is_share(figures["average precision"])


@pytest.mark.slow
def test_a_run_that_is_cut_short_has_said_what_it_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores, out = novelty.detector_scores, io.StringIO()

    def once(*arguments: Any) -> dict[str, Any]:
        monkeypatch.setattr(novelty, "detector_scores", cut)
        return scores(*arguments)

    def cut(*_: Any) -> dict[str, Any]:
        raise KeyboardInterrupt

    monkeypatch.setattr(novelty, "detector_scores", once)
    with pytest.raises(KeyboardInterrupt):
        run_benchmark("novelty", folder, out=out, detectors=["memory"])

    assert [line.partition("] ")[2].partition(" of 1:")[0] for line in out.getvalue().splitlines()] == [
        "grouped: memory, seed 1",
        "grouped: pixels, seed 1",
    ]


def test_the_seeds_recipe_is_the_one_it_grew_from() -> None:
    found = baseline_recipe(TrainConfig(seed=3, max_epochs=9))

    assert (found.height, found.width, found.keep_shape) == (224, 224, False)
    assert (found.head, found.detectors, found.seed, found.max_epochs) == ("pooled", (), 3, 9)


@pytest.mark.slow
def test_it_measures_what_no_label_has_shown(folder: Path, tmp_path: Path) -> None:
    run_benchmark("novelty", folder, "--json", str(tmp_path / "found.json"))
    found = json.loads((tmp_path / "found.json").read_text())

    assert "64 × 64" in found["protocol"]
    detectors = (*TrainConfig().detectors, "pixels")
    assert list(found["rows"]) == [f"{how}: {name}" for how in ("grouped", "random") for name in detectors]
    for figures in found["rows"].values():
        assert list(figures) == ["all types", "excess", "scratch"]
        for figure in figures.values():
            assert_is_share(figure)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_figures(folder: Path, tmp_path: Path) -> None:
    rows = []
    for name in ("one", "other"):
        run_benchmark("novelty", folder, "--json", str(tmp_path / name), detectors=["memory"])
        rows.append(json.loads((tmp_path / name).read_text())["rows"])

    assert rows[0] == rows[1]
    names = ("memory", "pixels")
    assert list(rows[0]) == [f"{how}: {name}" for how in ("grouped", "random") for name in names]


def test_it_refuses_a_protocol_it_does_not_know(folder: Path) -> None:
    with pytest.raises(CommandError, match=r"Unknown protocol 'guess'\. Known: phone-cases, all-types-known, novelty"):
        run_benchmark("guess", folder)


@pytest.mark.parametrize("kinds", [[], ["good"], ["scratch"], ["raw", "good"]])
def test_it_refuses_a_folder_without_both_kinds(tmp_path: Path, folder: Path, kinds: list[str]) -> None:
    for kind in kinds:
        (tmp_path / kind).mkdir()
        source = next((folder / ("scratch" if kind == "raw" else kind)).iterdir())
        (tmp_path / kind / "1.jpg").write_bytes(source.read_bytes())

    with pytest.raises(CommandError, match="good, and at least one kind of defect"):
        run_benchmark("novelty", tmp_path)


def test_it_refuses_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="needs images"):
        run_benchmark("phone-cases", tmp_path / "none")


@pytest.mark.slow
def test_it_refuses_an_image_it_cannot_read_and_names_it(tmp_path: Path, folder: Path) -> None:
    for kind in ("good", "scratch"):
        (tmp_path / kind).mkdir()
        for number, path in enumerate(sorted((folder / kind).iterdir())):
            (tmp_path / kind / f"{number}.jpg").write_bytes(path.read_bytes())
    (tmp_path / "good" / "3.jpg").write_bytes(b"no image")

    with pytest.raises(CommandError, match=r"good/3\.jpg"):
        run_benchmark("phone-cases", tmp_path)


@pytest.mark.slow
def test_it_refuses_too_few_parts(tmp_path: Path, folder: Path) -> None:
    write_image_folder(tmp_path, small_parts(6, good=4, scratch=2, excess=0))

    with pytest.raises(CommandError, match="2 more defective"):
        run_benchmark("phone-cases", tmp_path)


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("--set=hight=64", "Unknown training settings: hight"),
        ("--set=height", "NAME=VALUE"),
        ("--set=height=100", "multiples of 32"),
        ("--set=head=sparse", "head must be one of"),
        ('--set=detectors=["nose"]', "detectors must be among"),
        ("--set=detectors=memory", "detectors must be among"),
        ("--set=dense_epochs=0", "must be at least 1"),
        ("--repeats=0", "1 or more repeats"),
    ],
)
def test_it_refuses_settings_that_cannot_work(folder: Path, argument: str, words: str) -> None:
    with pytest.raises(CommandError, match=words):
        run_benchmark("novelty", folder, argument)
