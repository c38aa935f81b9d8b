"""Labels that are probably wrong are found, the most doubtful first; too few labels accuse nobody."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mltasks.vision.evaluation.label_issues import MIN_PARTS, detect_label_issues

Floats = NDArray[np.float64]


def random_predictions(count: int, defects: float, separation: float, seed: int) -> tuple[Floats, NDArray[np.int64]]:
    """Calibrated probabilities of parts whose score is normal in each class, and the truth."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(count) < defects).astype(np.int64)
    score = separation * (truth - 0.5) + rng.normal(size=count)
    return 1 / (1 + np.exp(-(separation * score + np.log(defects / (1 - defects))))), truth


def find_issues(probabilities: Any, targets: Any, parts: list[str] | None = None) -> list[dict[str, Any]]:
    names = [f"{index}.jpg" for index in range(len(targets))]
    hashes = [f"{index:064}" for index in range(len(targets))]
    return detect_label_issues(probabilities, targets, names=names, sha256s=hashes, parts=parts or names)


@pytest.mark.parametrize("defects", [0.5, 0.2, 0.05])
def test_planted_label_noise_is_found(defects: float) -> None:
    found = right = planted = first_right = first = 0
    for seed in range(6):
        probabilities, truth = random_predictions(400, defects, 3.5, seed)
        wrong = np.random.default_rng(seed + 50).random(400) < 0.05
        listed = [int(issue["sha256"]) for issue in find_issues(probabilities, np.where(wrong, 1 - truth, truth))]
        found, right, planted = found + len(listed), right + int(wrong[listed].sum()), planted + int(wrong.sum())
        first, first_right = first + len(listed[:10]), first_right + int(wrong[listed[:10]].sum())
    precision, recall = right / found, right / planted
    print(f"{defects:.0%} defects: precision {precision:.2f}, recall {recall:.2f}, first ten {first_right / first:.2f}")
    assert precision > 0.8
    assert recall > 0.8
    assert first_right / first > 0.9


def test_clean_labels_of_a_good_model_are_hardly_doubted() -> None:
    probabilities, truth = random_predictions(400, 0.3, 5.0, 1)
    assert len(find_issues(probabilities, truth)) <= 8


def test_it_says_which_label_and_what_is_likely() -> None:
    probabilities = np.array([0.02] * 20 + [0.95] * 20)
    targets = np.array([0] * 20 + [1] * 20)
    targets[[3, 30]] = [1, 0]
    first, second = find_issues(probabilities, targets)
    assert (first["name"], first["target"], first["probability"]) == ("3.jpg", 1, pytest.approx(0.02))
    assert second == {
        "sha256": f"{30:064}",
        "name": "30.jpg",
        "target": 0,
        "probability": pytest.approx(0.95),
    }


def test_images_of_one_part_stand_together() -> None:
    probabilities = np.array([0.05] * 20 + [0.95] * 20)
    targets = np.array([0] * 20 + [1] * 20)
    parts = [f"part-{index}" for index in range(40)]
    for index, probability in ((3, 0.01), (4, 0.03), (5, 0.02)):
        targets[index], probabilities[index] = 1, probability
    parts[3] = parts[4] = "twin"
    # The twin's second image comes before the next part, which is less doubtful than the first.
    assert [issue["name"] for issue in find_issues(probabilities, targets, parts)] == ["3.jpg", "4.jpg", "5.jpg"]


def test_too_few_parts_of_a_class_accuse_nobody() -> None:
    probabilities = np.array([0.02] * 30 + [0.95] * (MIN_PARTS - 1))
    targets = np.array([0] * 30 + [1] * (MIN_PARTS - 1))
    targets[3], probabilities[3] = 1, 0.01
    assert [issue["name"] for issue in find_issues(probabilities, targets)] == ["3.jpg"]
    targets[3] = 0
    assert find_issues(probabilities, targets) == []
    assert find_issues([], []) == []
    # Many images of few parts are few.
    parts = [f"part-{index}" if index < 30 else "one" for index in range(len(targets))]
    assert find_issues(np.array([0.02] * 30 + [0.95] * 7), np.array([0] * 30 + [1] * 7), parts) == []


@pytest.mark.parametrize(
    ("probabilities", "targets"),
    [([0.1, float("nan")], [0, 1]), ([0.1, 1.5], [0, 1]), ([0.1, 0.2], [0, 2]), ([0.1], [0, 1]), ([[0.1, 0.2]], [0])],
)
def test_it_refuses_what_is_no_prediction(probabilities: Any, targets: list[int]) -> None:
    with pytest.raises(ValueError, match=r"probability|target|same length"):
        find_issues(probabilities, targets)


def test_importing_it_loads_nothing_heavy() -> None:
    script = (
        "import sys, mltasks.vision.evaluation.label_issues; "
        "print([name for name in ('cleanlab', 'pandas', 'sklearn', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
