"""Which scores a version carries: those without which held-out parts would be scored worse."""

from __future__ import annotations

import numpy as np

from mltasks.vision.calibration.fusion import fit_fusion
from mltasks.vision.calibration.score_selection import fit_selected_fusion


def held_out(count: int = 300, seed: int = 1, **gains: float) -> tuple[dict[str, list[float]], list[int], list[str]]:
    """Scores of parts by name; each rises by its gain with the target, plus noise of its own."""
    generator = np.random.default_rng(seed)
    targets = np.arange(count) % 2
    scores = {name: (gain * targets + generator.normal(size=count)).tolist() for name, gain in gains.items()}
    return scores, targets.tolist(), [f"part-{number}" for number in range(count)]


def test_scores_without_information_are_left_out_and_named() -> None:
    scores, targets, parts = held_out(strong=2.0, useful=1.0, noise=0.0, backwards=-1.0)

    fusion = fit_selected_fusion(scores, targets, parts, 7, costly=("noise",))

    assert set(fusion.weights) == {"strong", "useful"}
    assert list(fusion.dropped) == ["noise", "backwards"]
    assert max(fusion.dropped.values()) < 0.01
    assert fusion.dropped["backwards"] <= 0


def test_what_is_computed_anyway_stays() -> None:
    scores, targets, parts = held_out(strong=2.0, backwards=-1.0)

    assert set(fit_selected_fusion(scores, targets, parts, 7, free=("backwards",)).weights) == {"strong", "backwards"}


def test_the_kept_scores_are_fitted_again_on_all_parts() -> None:
    scores, targets, parts = held_out(strong=2.0, useful=1.0, noise=0.0)

    fusion = fit_selected_fusion(scores, targets, parts, 7)

    alone = fit_fusion({name: scores[name] for name in fusion.weights}, targets)
    assert (fusion.weights, fusion.bias) == (alone.weights, alone.bias)


def test_a_copy_of_a_score_is_left_out_and_something_always_stays() -> None:
    scores, targets, parts = held_out(noise=0.0)
    scores["copy"] = scores["noise"]

    assert len(fit_selected_fusion(scores, targets, parts, 7).weights) == 1


def test_the_images_of_a_part_are_never_divided() -> None:
    """A score that is the same for a part's images seems to help if these images are divided, and does not."""
    left_out = {"together": 0, "divided": 0}
    for seed in range(12):
        generator = np.random.default_rng(seed)
        part = np.repeat(np.arange(30), 6)
        targets, of_part = part % 2, generator.normal(size=30)[part]
        scores = {"real": (2 * targets + generator.normal(size=180)).tolist(), "of part": of_part.tolist()}
        for name, parts in (("together", part), ("divided", np.arange(180))):
            fusion = fit_selected_fusion(scores, targets.tolist(), [str(number) for number in parts], 7)
            left_out[name] += "of part" in fusion.dropped

    assert left_out["together"] >= 6
    assert left_out["divided"] < left_out["together"]


def test_too_few_parts_keep_every_score() -> None:
    scores, targets, parts = held_out(6, strong=2.0, noise=0.0)

    fusion = fit_selected_fusion(scores, targets, parts, 7)
    assert set(fusion.weights) == {"strong", "noise"}
    assert not fusion.dropped


def test_detectors_are_a_sum_of_their_own_where_they_see_other_defects() -> None:
    noise, targets, parts = held_out(600, classifier=0.0, memory=0.0)
    kind = np.arange(600) % 4

    def fused(classifier_gain: object, memory_gain: object) -> list[str]:
        scores = {
            "classifier": (noise["classifier"] + np.asarray(classifier_gain)).tolist(),
            "memory": np.exp(0.3 * (noise["memory"] + np.asarray(memory_gain))).tolist(),
        }
        return fit_selected_fusion(scores, targets, parts, 7, detectors=("memory",)).detectors

    assert fused(4 * (kind == 1), 4 * (kind == 3)) == ["memory"]
    both = 1.5 * np.array(targets)
    assert fused(both, both) == []


def test_the_same_scores_give_the_same_choice() -> None:
    given = held_out(60, strong=1.0, weak=0.3, noise=0.0)

    assert fit_selected_fusion(*given, 7) == fit_selected_fusion(*given, 7)
