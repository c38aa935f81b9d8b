"""Localisation: a maximum on the defect's mask counts, beside it not, wherever the part lies inside the input."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError
from PIL import Image

from mltasks.vision.benchmarks import localisation
from mltasks.vision.benchmarks.defect_masks import (
    MaskError,
    hits_mask,
    load_mask,
    mask_paths,
    nonempty_masks,
    peak_position,
)
from mltasks.vision.benchmarks.localisation import LocalizedDefect, cost_rows, map_hits, part_heatmaps
from mltasks.vision.data.decoding import fit_placement
from mltasks.vision.drawing.draw_part import DrawnPart
from mltasks.vision.drawing.line import labeled_set, write_image_folder
from mltasks.vision.serving.heatmaps import FloatMap, Heatmaps, decode_heatmaps, encode_heatmaps, render_heatmap
from mltasks.vision.serving.scorer import ScoredImage
from mltasks.vision.training.fit import HOLDOUT_SPLITS
from mltasks.vision.types import DEFECT, GOOD, Costs, InputSize, Sample, Scores
from tests.vision.benchmark_run import run_benchmark

# Portrait parts in a landscape input: 32 pixels of mirror left and right of a part of 32 × 64
SIZE, PART = InputSize(64, 96), (150, 300)
MAPS = ["evidence", "anomaly", "shown"]


class FixedMapsScorer:
    """A scorer whose maps are given, ``[16, 24]`` over the input of 64 × 96."""

    input_size = SIZE

    def __init__(self, evidence: FloatMap, anomaly: FloatMap) -> None:
        self.maps = Heatmaps(evidence, anomaly)

    def predict(self, image: np.ndarray) -> ScoredImage:
        assert image.shape == (64, 96, 3)
        return ScoredImage(Scores(0.9, 0.1, 0.2, 0.5, novel_defect_suspected=False), self.maps, None)


def quiet_map() -> FloatMap:
    return np.full((16, 24), 0.1, np.float32)


def peak_map(row: int, column: int, value: float = 0.9) -> FloatMap:
    """Loud in one cell of 4 × 4 input pixels."""
    values = quiet_map()
    values[row, column] = value
    return values


def mask_at(top: int, left: int, side: int = 12, shape: tuple[int, int] = PART[::-1]) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[top : top + side, left : left + side] = True
    return mask


@pytest.fixture
def part(tmp_path: Path) -> Sample:
    path = tmp_path / "scratch" / "1.png"
    path.parent.mkdir()
    Image.new("RGB", PART, (90, 90, 90)).save(path)
    return Sample("scratch/1.png", "0" * 64, path, DEFECT, "one", defect_type="scratch")


def hits(part: Sample, evidence: FloatMap, anomaly: FloatMap, mask: np.ndarray) -> dict[str, bool]:
    probability, found = map_hits(FixedMapsScorer(evidence, anomaly), part, mask)  # type: ignore[arg-type]
    assert probability == 0.9
    return found


# The part covers columns 8 to 15 of the map: cell (4, 9) is its pixels 75 to 93 down and 19 to 37 across.
DEFECT_MASK = mask_at(78, 22)


def test_a_maximum_on_the_mask_is_a_hit_and_beside_it_not(part: Sample) -> None:
    assert hits(part, peak_map(4, 9), peak_map(12, 14, 0.6), DEFECT_MASK) == {
        "evidence": True,
        "anomaly": False,
        "shown": True,
    }
    assert hits(part, peak_map(12, 14, 0.6), peak_map(4, 9), DEFECT_MASK) == {
        "evidence": False,
        "anomaly": True,
        "shown": True,
    }
    assert hits(part, peak_map(4, 9, 0.6), peak_map(12, 14), DEFECT_MASK) == {
        "evidence": True,
        "anomaly": False,
        "shown": False,
    }


def test_what_lies_in_the_padding_does_not_count(part: Sample) -> None:
    beside = peak_map(4, 3, 1.0)
    beside[4, 9] = 0.8

    assert all(hits(part, beside, beside, DEFECT_MASK).values())
    # The same place on the part, were the padding part of it
    assert not any(hits(part, beside, beside, mask_at(78, 0)).values())


def test_padding_above_and_below_is_known_too(part: Sample) -> None:
    Image.new("RGB", (300, 100), (90, 90, 90)).save(part.path)
    assert fit_placement(300, 100, SIZE) == (0, 16, 96, 32)
    beside = peak_map(1, 6, 1.0)
    beside[9, 6] = 0.8

    # Row 9 of 16 is the sixth of the part's eight: 62 to 75 of its 100 pixels down, 75 to 87 across.
    assert all(hits(part, beside, beside, mask_at(63, 75, shape=(100, 300))).values())
    assert not any(hits(part, beside, beside, mask_at(45, 75, shape=(100, 300))).values())


def test_a_silent_map_shows_no_place(part: Sample) -> None:
    everywhere = np.ones(PART[::-1], bool)
    found = hits(part, peak_map(4, 9, 0.3), quiet_map(), everywhere)

    assert found == {"evidence": True, "anomaly": True, "shown": False}
    assert peak_position(np.zeros((3, 4), np.float32)) is None and not hits_mask(None, everywhere)


def test_of_equally_loud_places_the_middle_of_the_largest_counts() -> None:
    values = np.zeros((60, 40), np.float32)
    values[10, 30] = 1
    values[40:49, 8:17] = 1

    assert peak_position(values) == ((44 + 0.5) / 60, (12 + 0.5) / 40)


def test_a_map_that_is_loud_all_over_points_at_the_middle() -> None:
    assert peak_position(np.ones((5, 7), np.float32)) == (0.5, 0.5)


@pytest.mark.parametrize(("left", "hit"), [(50, True), (53, True), (54, False), (80, False)])
def test_a_place_may_be_off_by_a_fiftieth_of_the_width(left: int, hit: bool) -> None:
    place_at = (100.5 / 300, 50.5 / 150)

    assert hits_mask(place_at, mask_at(100, left, 1)) is hit
    assert not hits_mask(place_at, np.zeros((300, 150), bool))


def test_the_maps_are_those_over_the_part() -> None:
    inside = fit_placement(*PART, SIZE)
    whole = Heatmaps(peak_map(4, 9), quiet_map())
    found = part_heatmaps(whole, inside, SIZE)

    assert list(found) == MAPS
    assert {values.shape for values in found.values()} == {(64, 32)}
    # As opaque as the stored heatmap is over white, where vermillion has no blue
    white = np.full((64, 32, 3), 255, np.uint8)
    drawn_over = np.asarray(
        Image.open(io.BytesIO(render_heatmap(white, decode_heatmaps(encode_heatmaps(whole, inside, SIZE)))))
    )
    assert found["shown"] == pytest.approx(1 - drawn_over[..., 2] / 255, abs=0.01)
    assert found["shown"].max() > 0.25


def test_only_what_is_detected_counts_and_each_part_once() -> None:
    at = dict.fromkeys(MAPS, True)
    found = [
        LocalizedDefect("crack", "a", 0.9, at),
        LocalizedDefect("crack", "b", 0.3, {**at, "evidence": False}),
        LocalizedDefect("hole", "c", 0.1, dict.fromkeys(MAPS, False)),
    ]
    strict = {row.title: row.figures for row in cost_rows(found, Costs(fn=1, fp=1), "0 masks")}
    wary = {row.title: row.figures for row in cost_rows(found, Costs(fn=5, fp=1), "0 masks")}

    assert [strict["detected at 1 : 1, 0 masks"][kind].mean for kind in ("all types", "crack", "hole")] == [
        1 / 3,
        1 / 2,
        0,
    ]
    assert list(strict["evidence map hits, 1 : 1, 0 masks"]) == ["all types", "crack"]
    assert strict["evidence map hits, 1 : 1, 0 masks"]["all types"].mean == 1
    assert wary["evidence map hits, 5 : 1, 0 masks"]["all types"].mean == 1 / 2
    assert wary["anomaly map hits, 5 : 1, 0 masks"]["crack"].mean == 1
    # Wilson's interval of one in two
    share = wary["evidence map hits, 5 : 1, 0 masks"]["all types"]
    assert (share.low, share.high) == pytest.approx((0.0945, 0.9055), abs=1e-3)
    assert str(share) == "0.500 (0.095 to 0.905), 1 of 2"


@pytest.fixture(scope="module")
def drawn_folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folders of twenty drawn parts and of their defects' masks, one of which marks nothing."""
    made, masks = tmp_path_factory.mktemp("parts"), tmp_path_factory.mktemp("masks")
    parts = labeled_set(8, good=8, scratch=6, excess=6)
    written = list(zip(write_image_folder(made, parts), parts, strict=True))
    for number, (path, one) in enumerate(written):
        if one.defect_type:
            write_mask(masks / path.parent.name / f"{path.stem}.png", one, empty=number + 1 == len(written))
    return made, masks


def write_mask(path: Path, part: DrawnPart, *, empty: bool) -> None:
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(part.mask.astype(np.uint8) * (0 if empty else 1)).save(path)


@pytest.mark.slow
def test_it_tests_defects_by_versions_that_never_saw_their_parts(
    drawn_folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, masks = drawn_folders
    served, tested = localisation.train_served_version, list[str]()

    def noted(parts: object, samples: list[Sample], *rest: object) -> object:
        groups = {split: {one.group for one in samples if one.split == split} for split in HOLDOUT_SPLITS}
        assert all(groups.values()) and sum(map(len, groups.values())) == len({one.group for one in samples})
        tested.extend(one.name for one in samples if one.split == "test" and one.target == DEFECT)
        return served(parts, samples, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(localisation, "train_served_version", noted)
    arguments = ("--masks", str(masks), "--repeats", "2")
    printed = run_benchmark("localisation", made, *arguments, folds=3, height=96, detectors=["memory"])
    found = json.loads(printed[printed.index("{\n") :])

    assert len(set(tested)) == pytest.approx(8, abs=1), "Two thirds of twelve defects."
    assert sorted(tested) == sorted(2 * list(set(tested))), "Each without masks and with masks, once."
    assert "2 of 3 folds tested" in found["protocol"] and "(1 of all masks mark nothing)" in found["protocol"]
    assert all(f"fold {one}, {count} masks: defects " in printed for one in ("1 of 2", "2 of 2") for count in (0, 30))
    assert list(found["rows"]) == [
        title
        for training in ("0 masks", "30 masks")
        for costs in ("5 : 1", "1 : 1")
        for title in (
            f"detected at {costs}, {training}",
            *(f"{name} map hits, {costs}, {training}" for name in MAPS),
        )
    ]
    for costs in ("5 : 1, 0 masks", "1 : 1, 0 masks", "5 : 1, 30 masks", "1 : 1, 30 masks"):
        detected = found["rows"][f"detected at {costs}"]
        assert detected["all types"]["images"] == len(set(tested) - {"excess/excess-0005.jpg"})
        assert detected["all types"]["hits"] == detected["excess"]["hits"] + detected["scratch"]["hits"]
        for name in MAPS:
            share = found["rows"][f"{name} map hits, {costs}"]["all types"]
            assert share["images"] == detected["all types"]["hits"]
            assert share["mean"] is None or share["low"] <= share["mean"] <= share["high"]


def test_it_refuses_masks_that_do_not_belong(drawn_folders: tuple[Path, Path], part: Sample, tmp_path: Path) -> None:
    made, _ = drawn_folders
    with pytest.raises(CommandError, match="needs the folder"):
        run_benchmark("localisation", made)
    with pytest.raises(CommandError, match=r"(excess|scratch)-\d+\.jpg needs a mask"):
        run_benchmark("localisation", made, "--masks", str(tmp_path))
    with pytest.raises(CommandError, match="use 3 folds or more"):
        run_benchmark("localisation", made, "--masks", str(tmp_path), folds=2)
    with pytest.raises(MaskError, match=r"scratch/1\.png has another size, 150 × 200"):
        hits(part, quiet_map(), quiet_map(), np.ones((200, 150), bool))
    (tmp_path / "torn.png").write_bytes(b"no mask")
    with pytest.raises(MaskError, match=r"torn\.png cannot be read as a mask"):
        load_mask(tmp_path / "torn.png")


def test_good_parts_need_no_mask_and_any_grey_marks(tmp_path: Path) -> None:
    named = {"good/a.jpg": GOOD, "hole/b.jpg": DEFECT}
    samples = [Sample(name, "0", tmp_path, target, name) for name, target in named.items()]
    (tmp_path / "hole").mkdir()
    mask = np.zeros((4, 5), np.uint8)
    Image.fromarray(mask).save(tmp_path / "hole" / "b.png")
    paths = mask_paths(samples, tmp_path)

    assert paths == {"hole/b.jpg": tmp_path / "hole" / "b.png"} and nonempty_masks(paths) == {}
    mask[2, 3] = 1
    Image.fromarray(mask).save(tmp_path / "hole" / "b.png")
    assert nonempty_masks(paths) == paths and np.argwhere(load_mask(paths["hole/b.jpg"])).tolist() == [[2, 3]]
