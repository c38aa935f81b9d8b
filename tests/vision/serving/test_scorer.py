"""Serving: the same scores as torch, without torch, from many threads, from an intact version only."""

from __future__ import annotations

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import openvino
import pytest
from numpy.typing import NDArray

from mltasks.vision.export.learn import LearnedVersion
from mltasks.vision.serving import scorer as scorer_module
from mltasks.vision.serving.bundle import BundleCorrupt
from mltasks.vision.serving.scorer import Scorer, compile_model
from mltasks.vision.types import EMBEDDING_DIMENSIONS, InputSize

WITHOUT_TORCH = """
import sys
from pathlib import Path
import numpy as np
from mltasks.vision.data.decoding import decode
from mltasks.vision.serving.heatmaps import render_heatmap
from mltasks.vision.serving.scorer import Scorer
scorer = Scorer.load(Path(sys.argv[1]))
image = np.zeros((*scorer.input_size[:2], 3), np.uint8)
assert 0 <= scorer.score([image])[0].defect_probability <= 1
assert render_heatmap(image, scorer.maps(image)).startswith(b"\\x89PNG")
heavy = {"torch", "torchvision", "sklearn", "matplotlib", "django"} & set(sys.modules)
assert not heavy, heavy
"""

# The first conversion looks up numpy's version: a pause there lets every other thread come to it too.
FIRST_INFERENCES = """
import sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
import numpy as np
from mltasks.vision.serving.scorer import Scorer

version_of = np.lib.NumpyVersion
def slow_version(text):
    time.sleep(0.2)
    return version_of(text)
np.lib.NumpyVersion = slow_version

def infer(scorer):
    start.wait()
    return scorer.score([np.zeros((*scorer.input_size[:2], 3), np.uint8)])

def load_and_infer(_):
    start.wait()
    return infer(Scorer.load(Path(sys.argv[1]), threads=1))

count = int(sys.argv[3])
start = Barrier(count)
with ThreadPoolExecutor(count) as pool:
    if sys.argv[2] == "shared":
        scores = list(pool.map(infer, [Scorer.load(Path(sys.argv[1]), threads=1)] * count))
    else:
        scores = list(pool.map(load_and_infer, range(count)))
assert all(one == scores[0] for one in scores)
"""


def test_scores_carry_the_versions_operating_point(scorer: Scorer, images: list[NDArray[np.uint8]]) -> None:
    for scores in scorer.score(images):
        assert scores.probability_threshold == pytest.approx(1 / 6)
        assert scores.anomaly_threshold == scorer.thresholds.anomaly > 0
        assert scores.novel_defect_suspected == (scores.novelty > 1)
        assert scores.defective == (scores.defect_probability >= 1 / 6)


def test_a_version_of_format_1_squashes_the_part_and_its_autoencoder_decides(
    learned: LearnedVersion, images: list[NDArray[np.uint8]]
) -> None:
    meta = {**learned.meta, "format": 1, "input": {"height": 64, "width": 64}}
    meta["calibration"] = {"slope": 2.0, "intercept": -1.0}
    del meta["novelty"], meta["fusion"]
    old = Scorer(compile_model(learned.bundle_dir / "serving.xml", 1), meta, learned.sha256)

    assert old.input_size == InputSize(64, 64, keep_shape=False)
    for scores in old.score(images):
        assert scores.novelty == pytest.approx(scores.reconstruction_error / scores.anomaly_threshold)
        assert scores.novel_defect_suspected == (scores.reconstruction_error > scores.anomaly_threshold)


def test_maps_are_shares_over_the_image(
    scorer: Scorer, learned: LearnedVersion, images: list[NDArray[np.uint8]]
) -> None:
    maps = scorer.maps(images[0])

    # The evidence is on the grid of the fine detail, an eighth of the input. The anomaly map is on the grid of the
    # detector that decides, and which one does depends on the processor's rounding.
    assert maps.evidence.shape == (8, 8)
    side = {"places": 8, "features": 4}[learned.meta["novelty"]["detector"]]
    assert maps.anomaly.shape == (side, side)
    for values in (maps.evidence, maps.anomaly):
        assert values.dtype == np.float32
        assert values.min() >= 0 and values.max() <= 1
    assert maps.anomaly.max() > 0


def test_one_look_gives_scores_and_maps(scorer: Scorer, images: list[NDArray[np.uint8]]) -> None:
    scores, maps, embedding = scorer.predict(images[3])
    alone = scorer.maps(images[3])

    assert embedding is not None and embedding.shape == (EMBEDDING_DIMENSIONS,)
    assert np.linalg.norm(embedding) == pytest.approx(1)
    assert [scores] == scorer.score([images[3]])
    assert np.array_equal(maps.evidence, alone.evidence) and np.array_equal(maps.anomaly, alone.anomaly)


def test_a_version_from_before_points_serves_without(learned: LearnedVersion, images: list[NDArray[np.uint8]]) -> None:
    model = openvino.Core().read_model(learned.bundle_dir / "serving.xml")
    newest = model.outputs[-1]
    assert newest.any_name == "embedding"
    model.remove_result(newest.get_node())
    meta = {key: value for key, value in learned.meta.items() if key != "embedding"}
    old = Scorer(compile_model(model, 1), meta, learned.sha256)

    scores, maps, embedding = old.predict(images[0])

    assert (old.embedding_space, embedding) == ("", None)
    assert [scores] == old.score([images[0]])
    assert maps.evidence.shape == (8, 8)


def test_many_threads_get_each_its_own_answer(scorer: Scorer, images: list[NDArray[np.uint8]]) -> None:
    alone = scorer.score(images)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda image: scorer.score([image])[0], images * 6))

    assert found == alone * 6


@pytest.mark.parametrize(("loaded", "threads"), [("shared", "8"), ("apart", "2")])
def test_the_first_inferences_of_a_process_may_come_at_once(learned: LearnedVersion, loaded: str, threads: str) -> None:
    """Threads of a fresh process share a scorer, or load one each; without preparation the process hangs."""
    command = [sys.executable, "-c", FIRST_INFERENCES, str(learned.bundle_dir), loaded, threads]

    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=Path(__file__).parents[3], timeout=120
    )

    assert done.returncode == 0, done.stderr


def test_conversion_is_prepared_by_one_thread_before_there_is_a_graph(
    learned: LearnedVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    compile_graph_file, tensor = openvino.Core.compile_model, openvino.Tensor

    def compile_model(*args: object) -> object:
        steps.append("compile")
        return compile_graph_file(*args)

    def convert(array: NDArray[np.float32]) -> openvino.Tensor:
        assert scorer_module._conversion_lock.locked()
        steps.append("convert")
        return tensor(array)

    monkeypatch.setattr(openvino.Core, "compile_model", compile_model)
    monkeypatch.setattr(openvino, "Tensor", convert)
    Scorer.load(learned.bundle_dir, threads=1)

    assert steps == ["convert", "compile"]


def test_it_scores_without_torch(learned: LearnedVersion) -> None:
    command = [sys.executable, "-c", WITHOUT_TORCH, str(learned.bundle_dir)]

    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=Path(__file__).parents[3])

    assert done.returncode == 0, done.stderr


def test_no_image_has_no_scores(scorer: Scorer) -> None:
    assert scorer.score([]) == []


@pytest.mark.parametrize(("shape", "dtype"), [((64, 32, 3), np.uint8), ((64, 64), np.uint8), ((64, 64, 3), np.float32)])
def test_it_refuses_images_of_another_shape_or_type(scorer: Scorer, shape: tuple[int, ...], dtype: type) -> None:
    with pytest.raises(ValueError, match="scores uint8 images"):
        scorer.score([np.zeros(shape, dtype)])


def test_it_refuses_a_version_whose_graph_was_changed(learned: LearnedVersion, tmp_path: Path) -> None:
    shutil.copytree(learned.bundle_dir, tmp_path / "v1")
    weights = bytearray((tmp_path / "v1" / "serving.bin").read_bytes())
    weights[1000] ^= 1
    (tmp_path / "v1" / "serving.bin").write_bytes(weights)

    with pytest.raises(BundleCorrupt, match=r"serving\.bin"):
        Scorer.load(tmp_path / "v1")


def test_it_refuses_another_version_than_the_expected_one(learned: LearnedVersion) -> None:
    with pytest.raises(BundleCorrupt, match="expected"):
        Scorer.load(learned.bundle_dir, expected_sha256="0" * 64)


def test_its_threads_are_bound_to_no_core(learned: LearnedVersion) -> None:
    """Two web processes would else share one core and leave the other idle."""
    compiled = compile_model(learned.bundle_dir / "serving.xml", 1)
    assert compiled.get_property("ENABLE_CPU_PINNING") is False
