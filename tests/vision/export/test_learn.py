"""From labeled images to a version: repeatable bit for bit, honest about progress, and all or nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from safetensors.numpy import load_file

from mltasks.vision.data.splits import NotEnoughLabels, assign_splits
from mltasks.vision.export.learn import LearnedVersion, learn
from mltasks.vision.serving import bundle
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.training.features.feature_bank import UnreadableSample
from mltasks.vision.types import Progress
from tests.tiny_model import CONFIG, PLAIN_CONFIG, labeled_samples

# Scores that are fused where none is left out
SCORES = {"segmentation", "texture", "second_texture", "second_stage", *TrainConfig().detectors}

IN_A_FRESH_PROCESS = """
import sys
from pathlib import Path
from mltasks.vision.export.learn import learn
from tests.tiny_model import CONFIG, labeled_samples
learn(labeled_samples(Path(sys.argv[1]) / "parts"), CONFIG, Path(sys.argv[1]) / "bundle")
"""


def hashes(directory: Path) -> dict[str, str]:
    """All but the notes on time and machine."""
    found = bundle.file_hashes(directory)
    del found[bundle.META]
    return found


@pytest.mark.slow(25)
def test_the_same_samples_and_config_give_the_same_bytes_in_a_fresh_process(
    learned: LearnedVersion, tmp_path: Path
) -> None:
    subprocess.run([sys.executable, "-c", IN_A_FRESH_PROCESS, str(tmp_path)], check=True, cwd=Path(__file__).parents[3])

    assert hashes(tmp_path / "bundle") == hashes(learned.bundle_dir)


@pytest.mark.slow(15)
def test_they_give_the_same_bytes_again_in_this_process_and_tell_their_progress(
    learned: LearnedVersion, tmp_path: Path
) -> None:
    steps: list[Progress] = []
    # The order in which labels come out of a database must not matter.
    samples = labeled_samples(tmp_path / "parts")[::-1]
    again = learn(samples, CONFIG, tmp_path / "again", steps.append)

    assert hashes(again.bundle_dir) == hashes(learned.bundle_dir)
    shares = [step.share for step in steps]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, 1)
    assert any(step.stage == "fold 2 of 2, epoch 1" for step in steps)
    epochs = [step.metrics for step in steps if "validation_loss" in step.metrics]
    # One head learns by epochs, in two folds and on all parts.
    assert len(epochs) == 3 and set(epochs[0]) == {"epoch", "train_loss", "validation_loss", "learning_rate"}
    json.dumps(epochs, allow_nan=False)


def test_a_version_is_a_whole_directory(learned: LearnedVersion) -> None:
    names = set(bundle.file_hashes(learned.bundle_dir))

    assert bundle.verify(learned.bundle_dir) == learned.sha256
    assert {"model.safetensors", "serving.xml", "serving.bin", "meta.json", "report.json"} <= names
    assert {f"plots/{name}.svg" for name in ("precision_recall", "confusion", "calibration", "training")} <= names
    assert "plots/reconstruction_error.svg" in names
    worst = [row["file"] for row in learned.report["worst_mistakes"]]
    assert worst and set(worst) <= names and "plots/worst_mistakes.jpg" in names


def test_meta_says_where_the_version_comes_from(learned: LearnedVersion) -> None:
    meta = learned.meta

    assert meta == bundle.read_meta(learned.bundle_dir)
    assert meta["backbone"]["name"] == "random" or meta["backbone"]["note"]
    assert (meta["companion"] or {}).get("name") == ("packaged" if CONFIG.companion else None)
    assert TrainConfig.from_json(meta["config"]) == CONFIG
    layout = "uint8 RGB [1, height, width, 3]"
    assert meta["input"] == {"height": 64, "width": 64, "keep_shape": True, "layout": layout}
    assert meta["training"]["images"] == 16
    assert meta["libraries"]["torch"]
    agreement = meta["export_agreement"]
    assert agreement["images"] == 16
    assert 0 <= agreement["probability"] <= agreement["probability_tolerance"]
    assert agreement["embedding"] <= agreement["embedding_tolerance"]
    assert meta["embedding"]["dimensions"] == 256 and len(meta["embedding"]["space"]) == 32


def test_meta_says_who_decides_and_from_where_on(learned: LearnedVersion) -> None:
    meta = learned.meta
    novelty = meta["novelty"]

    assert meta["outputs"][-3:] == ["novelty", "known", "embedding"]
    assert novelty["known_threshold"] > 0
    assert set(meta["fusion"]["weights"]) == SCORES and not meta["fusion"]["dropped"]
    assert min(meta["fusion"]["weights"].values()) >= 0
    assert novelty["detector"] in {*TrainConfig().detectors, "pixels"} and novelty["threshold"] > 0
    # The features' autoencoder would only dilute the memory.
    assert novelty["together"] == {}
    assert meta["anomaly_map_scale"] > 0
    assert meta["escapes"]["parts"] == 8 and len(meta["escapes"]["lowest"]) == 8


def test_every_part_is_predicted_once_by_a_round_that_never_saw_it(learned: LearnedVersion) -> None:
    predictions = learned.evaluation.predictions

    assert len({one.name for one in predictions}) == len(predictions) == 16
    assert {one.split for one in predictions} == {"fold-0", "fold-1"}
    # Two folds, each judged by thresholds of the other one.
    assert len({one.anomaly_threshold for one in predictions}) == 2
    assert {tuple(one.detectors) for one in predictions} == {(*TrainConfig().detectors, "pixels")}
    for one in predictions:
        assert one.detectors["pixels"] == pytest.approx(one.reconstruction_error / one.anomaly_threshold)


def test_the_weights_are_those_of_all_networks(learned: LearnedVersion) -> None:
    names = set(load_file(learned.bundle_dir / bundle.WEIGHTS))

    assert {name.split(".")[0] for name in names} == {"trunk", "heads", "autoencoder", "embedder"}
    heads = {name.split(".")[1] for name in names if name.startswith("heads.")}
    assert heads == {*SCORES, "known"}


def test_meta_says_how_much_computing_a_part_takes(learned: LearnedVersion) -> None:
    operations = learned.meta["operations"]

    assert 0 < operations["gflop"] == operations["gflop_all_scores"]


@pytest.mark.slow
def test_it_can_still_learn_by_the_recipe_it_grew_from(tmp_path: Path) -> None:
    config = replace(CONFIG, head="pooled", companion="", detectors=(), keep_shape=False)

    found = learn(labeled_samples(tmp_path / "parts"), config, tmp_path / "bundle")

    one_sum = {"detectors": [], "detector_bias": 0.0}
    assert found.meta["fusion"] == {"weights": {"pooled": 1.0}, "bias": 0.0, "dropped": {}, **one_sum}
    limit = found.meta["thresholds"]["anomaly"]
    novelty = {name: found.meta["novelty"][name] for name in ("detector", "threshold", "known_threshold", "together")}
    assert novelty == {"detector": "pixels", "threshold": limit, "known_threshold": None, "together": {}}
    assert not found.meta["input"]["keep_shape"]


@pytest.mark.slow
def test_a_holdout_is_measured_on_its_test_images_only_and_the_size_is_that_of_the_images(tmp_path: Path) -> None:
    """Two things of one training, which takes its time."""
    samples = labeled_samples(tmp_path / "parts")
    for sample in samples:
        with Image.open(sample.path) as image:
            image.resize((96, 64)).save(sample.path)
    config = replace(PLAIN_CONFIG, height=0, width=0, cross_validate_below=10)
    samples = assign_splits(samples, config)

    found = learn(samples, config, tmp_path / "bundle")

    assert (found.meta["input"]["height"], found.meta["input"]["width"]) == (64, 96)
    assert (found.meta["config"]["height"], found.meta["config"]["width"]) == (64, 96)
    evaluation = found.evaluation
    assert {one.name for one in evaluation.predictions} == {one.name for one in samples if one.split == "test"}
    assert evaluation.protocol.kind == "holdout"
    assert evaluation.protocol.describe().startswith("Holdout")


@pytest.mark.parametrize("content", [None, b"", b"no image"])
def test_it_refuses_an_image_it_cannot_read_and_names_it(tmp_path: Path, content: bytes | None) -> None:
    samples = labeled_samples(tmp_path / "parts")
    samples[3].path.unlink()
    if content is not None:
        samples[3].path.write_bytes(content)

    with pytest.raises(UnreadableSample, match=samples[3].name):
        learn(samples, CONFIG, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_it_refuses_too_few_labels(tmp_path: Path) -> None:
    samples = [one for one in labeled_samples(tmp_path / "parts") if one.target == 0]

    with pytest.raises(NotEnoughLabels, match="4 more defective"):
        learn(samples, CONFIG, tmp_path / "bundle")


@pytest.mark.parametrize(
    "changes",
    [
        {"height": 100},
        {"width": 16},
        {"backbone": "none"},
        {"max_epochs": 0},
        {"novelty_quantile": 1.0},
        {"dense_epochs": 0},
        {"stage_epochs": -1},
        {"views": -1},
        {"synthetic_views": -1},
        {"backbone_scale": 0.75},
        {"companion": "third eye"},
        {"head": "sparse"},
        {"detectors": ("memory", "nose")},
    ],
)
def test_it_refuses_settings_that_cannot_work(tmp_path: Path, changes: dict[str, Any]) -> None:
    reasons = r"multiples of 32|Unknown backbone|must be at least 1|novelty_quantile must|must be one of"
    reasons += r"|backbone_scale must be|companion must be"
    with pytest.raises(ValueError, match=reasons):
        learn(labeled_samples(tmp_path / "parts"), replace(CONFIG, **changes), tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_it_refuses_splits_that_are_half_folds_half_holdout(tmp_path: Path) -> None:
    samples = [
        replace(one, split="fold-0" if n % 2 else "test") for n, one in enumerate(labeled_samples(tmp_path / "p"))
    ]

    with pytest.raises(ValueError, match="need splits"):
        learn(samples, CONFIG, tmp_path / "bundle")


def test_it_refuses_to_overwrite_a_version(learned: LearnedVersion, tmp_path: Path) -> None:
    with pytest.raises(FileExistsError):
        learn(labeled_samples(tmp_path / "parts"), CONFIG, learned.bundle_dir)
    assert bundle.verify(learned.bundle_dir) == learned.sha256
