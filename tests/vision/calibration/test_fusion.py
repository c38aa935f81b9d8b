"""Several scores become one: each by what it was worth on parts that none had seen, and none ever against itself."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mltasks.vision.calibration.fusion import Fusion, fit_fusion

numbers = st.floats(-1e3, 1e3)


def random_scores(count: int = 200, seed: int = 1) -> tuple[dict[str, list[float]], list[int]]:
    """A good score, a weak one, one of noise and one that speaks against the truth."""
    generator = np.random.default_rng(seed)
    targets = np.arange(count) % 2
    gains = {"good": 2.0, "weak": 0.5, "noise": 0.0, "backwards": -2.0}
    scores = {name: (gain * targets + generator.normal(size=count)).tolist() for name, gain in gains.items()}
    return scores, targets.tolist()


def ranking_accuracy(scores: np.ndarray, targets: list[int]) -> float:
    wanted = np.array(targets)
    return float((scores[wanted == 1][:, None] > scores[wanted == 0]).mean())


def test_a_score_weighs_what_it_is_worth() -> None:
    weights = fit_fusion(*random_scores()).weights

    assert list(weights) == ["good", "weak", "noise", "backwards"]
    assert weights["good"] > 2 * weights["weak"] > 0
    assert weights["noise"] < 0.15 * weights["good"]
    assert weights["backwards"] == 0


def test_together_they_are_no_worse_than_the_best_on_new_parts() -> None:
    fusion = fit_fusion(*random_scores(seed=1))
    scores, targets = random_scores(4000, seed=2)

    assert ranking_accuracy(fusion.logits(scores), targets) >= ranking_accuracy(np.array(scores["good"]), targets)


@settings(max_examples=60)
@given(
    rows=st.lists(st.tuples(numbers, numbers, st.integers(0, 1)), min_size=2, max_size=30).filter(
        lambda rows: len({target for *_, target in rows}) == 2
    )
)
def test_no_weight_is_ever_negative_or_infinite(rows: list[tuple[float, float, int]]) -> None:
    one, other, targets = zip(*rows, strict=True)
    for detectors in ((), ("other",)):
        fusion = fit_fusion({"one": one, "other": other}, targets, detectors)

        assert min(fusion.weights.values()) >= 0
        assert np.isfinite([*fusion.weights.values(), fusion.bias, fusion.detector_bias]).all()
        assert np.isfinite(fusion.logits({"one": one, "other": other})).all()


def test_units_do_not_matter() -> None:
    scores, targets = random_scores()
    stretched = {**scores, "weak": [1000 * value + 7 for value in scores["weak"]]}

    plain, other = fit_fusion(scores, targets), fit_fusion(stretched, targets)

    assert other.logits(stretched) == pytest.approx(plain.logits(scores), abs=1e-2)


def test_both_classes_count_alike_however_rare_one_is() -> None:
    generator = np.random.default_rng(3)
    targets = [0] * 950 + [1] * 50
    scores = {name: (np.array(targets) * 2 + generator.normal(size=1000)).tolist() for name in ("one", "other")}

    logits = fit_fusion(scores, targets).logits(scores)

    assert np.median(logits[950:]) > 1 and np.median(logits[:950]) < -1


def test_a_single_score_passes_as_it_is() -> None:
    fusion = fit_fusion({"pooled": [0.5, -3.0, 2.0]}, [1, 0, 1])

    assert fusion == Fusion({"pooled": 1.0}, 0.0)
    assert fusion.logits({"pooled": [7.0, -1.5]}).tolist() == [7.0, -1.5]


def test_a_score_that_is_always_the_same_does_no_harm() -> None:
    scores, targets = random_scores(40)
    fusion = fit_fusion({"good": scores["good"], "flat": [3.0] * 40}, targets)

    assert np.isfinite(fusion.bias)
    assert ranking_accuracy(fusion.logits({"good": scores["good"], "flat": [3.0] * 40}), targets) > 0.8


def mixture(count: int = 600, seed: int = 4) -> tuple[dict[str, list[float]], list[int]]:
    """Defects of two kinds: half are known to the classifier and look usual, half are novel and unknown to it."""
    generator = np.random.default_rng(seed)
    targets = np.arange(count) % 2
    known = np.arange(count) % 4 == 1
    classifier = generator.normal(size=count) + 4 * known
    memory = np.exp(0.3 * generator.normal(size=count) + 1.2 * (targets & ~known))
    return {"classifier": classifier.tolist(), "memory": memory.tolist()}, targets.tolist()


def test_an_ordinary_novelty_does_not_count_against_a_known_defect() -> None:
    scores, targets = mixture()
    new, new_targets = mixture(4000, seed=5)
    one_sum, two_sums = fit_fusion(scores, targets), fit_fusion(scores, targets, ("memory",))

    assert two_sums.detectors == ["memory"] and not one_sum.detectors
    assert (
        ranking_accuracy(two_sums.logits(new), new_targets) > ranking_accuracy(one_sum.logits(new), new_targets) + 0.01
    )
    # The odds of both kinds of evidence are added: 2 and 1 are 3.
    fusion = Fusion({"classifier": 1.0, "memory": 1.0}, 0.0, detectors=["memory"])
    logit = fusion.logits({"classifier": [np.log(2.0)], "memory": [1.0]})
    assert logit[0] == pytest.approx(np.log(3.0))


def test_detectors_alone_are_one_sum() -> None:
    scores, targets = random_scores()

    assert fit_fusion(scores, targets, tuple(scores)) == fit_fusion(scores, targets)


def test_a_part_that_a_memory_holds_has_a_finite_logit() -> None:
    scores, targets = mixture()
    scores["memory"][0] = 0.0
    fusion = fit_fusion(scores, targets, ("memory",))

    assert np.isfinite(fusion.logits(scores)).all()


def test_no_part_has_no_logit() -> None:
    assert fit_fusion(*random_scores()).logits({name: [] for name in random_scores()[0]}).shape == (0,)


def test_json_brings_back_the_same_weights() -> None:
    fusion = fit_fusion(*mixture(), ("memory",))

    assert Fusion(**json.loads(json.dumps(fusion.to_json(), allow_nan=False))) == fusion


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("voices", [1, 2])
def test_it_refuses_scores_that_are_no_numbers(bad: float, voices: int) -> None:
    scores = {str(number): [0.1, bad, 0.3] for number in range(voices)}

    with pytest.raises(ValueError, match="finite"):
        fit_fusion(scores, [0, 1, 1])


@pytest.mark.parametrize("target", [0, 1])
def test_it_refuses_one_class(target: int) -> None:
    with pytest.raises(ValueError, match="both classes"):
        fit_fusion({"one": [0.1, 0.2], "other": [0.3, 0.4]}, [target] * 2)
