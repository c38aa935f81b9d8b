"""What turns scores into decisions: weights, calibration and thresholds, learned from held-out parts only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mltasks.vision.calibration.calibration import anomaly_threshold, fit_calibrator
from mltasks.vision.calibration.detector_ensemble import ENSEMBLE, DetectorEnsemble, fit_ensemble
from mltasks.vision.calibration.fusion import Fusion, fit_fusion
from mltasks.vision.serving.calibrator import Calibrator
from mltasks.vision.stats.metrics import auroc, auroc_standard_error
from mltasks.vision.types import DEFECT, GOOD

# On the map, 0.5 is what the worst cell of so many held-out good parts stays below.
MAP_QUANTILE = 0.95
# The pixel autoencoder's name among the detectors
PIXEL_AUTOENCODER = "pixels"
# The memory of good parts and of labeled defects
LABELED_MEMORY = "known"
MIN_THRESHOLD = 1e-12


@dataclass(frozen=True, slots=True)
class HeldOutScores:
    """What networks say of parts they had not learned from. ``scores`` and ``peaks`` (highest cells) by head or
    detector, each ``[n]``; ``targets`` and ``parts`` of the same images."""

    scores: dict[str, list[float]]
    peaks: dict[str, list[float]]
    targets: list[int]
    parts: list[str]

    def subset(self, positions: Sequence[int]) -> HeldOutScores:
        """Some of the images."""
        return HeldOutScores(
            {name: [values[at] for at in positions] for name, values in self.scores.items()},
            {name: [values[at] for at in positions] for name, values in self.peaks.items()},
            [self.targets[at] for at in positions],
            [self.parts[at] for at in positions],
        )


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """``thresholds`` of every detector by name, at the same rate of false alarms; ``detector`` is the one whose word
    counts. ``ensemble`` makes one of several (None where there is but one). The map shown is the mean of those of
    ``map_detectors``, each over its own of ``map_scales``; ``map_scale`` is that of the mean.

    A part that the version passes is held against good parts, by that detector. One that it fails is held against the
    labeled defects too: ``labeled_novelty_threshold`` is what the same share of held-out defects stays below (None
    where there is
    no memory of them).
    """

    fusion: Fusion
    calibrator: Calibrator
    thresholds: dict[str, float]
    detector: str
    map_scale: float
    labeled_novelty_threshold: float | None = None
    ensemble: DetectorEnsemble | None = None
    map_scales: dict[str, float] = field(default_factory=dict)

    @property
    def map_detectors(self) -> list[str]:
        """The detectors whose maps say where, whichever decides: those that know a place."""
        return _map_detectors(self.detector, self.ensemble)

    def probabilities(self, scores: Mapping[str, Sequence[float]]) -> list[float]:
        """Calibrated probabilities of scores by name."""
        found: list[float] = self.calibrator.probability(self.fusion.logits(scores)).tolist()
        return found

    def novelty(self, scores: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
        """Of each detector, score over threshold: above 1 is novel."""
        known = with_ensemble(scores, self.ensemble)
        return {name: [value / level for value in known[name]] for name, level in self.thresholds.items()}


def with_ensemble(scores: Mapping[str, Sequence[float]], ensemble: DetectorEnsemble | None) -> dict[str, list[float]]:
    """The scores, and that of the detectors together where there are several."""
    found = {name: list(values) for name, values in scores.items()}
    return {**found, ENSEMBLE: ensemble.combine(found)} if ensemble else found


def fit_operating_point(
    held_out: HeldOutScores, detectors: Sequence[str], quantile: float, seed: int, lowest_threshold: float = 1.0
) -> OperatingPoint:
    """Learn from held-out parts. ``detectors`` besides the pixel autoencoder; ``quantile`` is the share of good parts
    that each leaves in peace; ``lowest_threshold`` the lowest probability at which something is decided. Raises
    ValueError unless
    both classes are there and all scores are finite."""
    voices = {
        name: values for name, values in held_out.scores.items() if name not in (PIXEL_AUTOENCODER, LABELED_MEMORY)
    }
    fusion = fit_fusion(voices, held_out.targets)
    logits = fusion.logits(voices).tolist()
    together = fit_ensemble(_good_scores(held_out.scores, detectors, held_out.targets))
    scores = with_ensemble(held_out.scores, together)
    names = [*([ENSEMBLE] if together else []), *detectors, PIXEL_AUTOENCODER]
    detector = choose_detector({name: scores[name] for name in names}, held_out.targets, held_out.parts)
    scales = {name: _map_scale(held_out.peaks[name], held_out.targets) for name in [*detectors, PIXEL_AUTOENCODER]}
    return OperatingPoint(
        fusion=fusion,
        calibrator=fit_calibrator(logits, held_out.targets, held_out.parts, seed, lowest_threshold),
        thresholds={
            name: max(anomaly_threshold(_of_good_parts(scores[name], held_out.targets), quantile), MIN_THRESHOLD)
            for name in names
        },
        detector=detector,
        map_scale=_shared_map_scale(held_out, _map_detectors(detector, together), scales),
        labeled_novelty_threshold=_labeled_novelty_threshold(held_out, quantile),
        ensemble=together,
        map_scales=scales,
    )


def _map_detectors(detector: str, ensemble: DetectorEnsemble | None) -> list[str]:
    return ensemble.localizing if ensemble else [detector]


def _shared_map_scale(held_out: HeldOutScores, map_detectors: Sequence[str], scales: Mapping[str, float]) -> float:
    """What the worst cell of the shared map stays below; from each map's own worst cell, so rather too high."""
    ratios = [np.asarray(held_out.peaks[name]) / scales[name] for name in map_detectors]
    return _map_scale(np.mean(ratios, axis=0).tolist(), held_out.targets)


def _map_scale(peaks: Sequence[float], targets: Sequence[int]) -> float:
    return max(anomaly_threshold(_of_good_parts(peaks, targets), MAP_QUANTILE), MIN_THRESHOLD)


def _labeled_novelty_threshold(held_out: HeldOutScores, quantile: float) -> float | None:
    if LABELED_MEMORY not in held_out.scores:
        return None
    defects = [
        score
        for score, target in zip(held_out.scores[LABELED_MEMORY], held_out.targets, strict=True)
        if target == DEFECT
    ]
    return max(anomaly_threshold(defects, quantile), MIN_THRESHOLD)


def choose_detector(scores: Mapping[str, Sequence[float]], targets: Sequence[int], parts: Sequence[str]) -> str:
    """Of the detectors, in the order of preference, the first that ranks the labeled defects above good parts as well
    as the best does, within one standard error (Breiman et al., "Classification and Regression Trees", 1984): what one
    of them finds best among the defects that labels show says little of those they don't."""
    weights = np.ones((1, len(targets)))
    wanted = np.asarray(targets, np.int64)
    ranked = {name: float(auroc(np.asarray(values), wanted, weights)[0]) for name, values in scores.items()}
    defective = {part for part, target in zip(parts, targets, strict=True) if target == DEFECT}
    best = max(ranked.values())
    least = best - auroc_standard_error(best, len(defective), max(1, len(set(parts) - defective)))
    return next(name for name, area in ranked.items() if area >= least)


def _good_scores(
    scores: Mapping[str, Sequence[float]], names: Sequence[str], targets: Sequence[int]
) -> dict[str, list[float]]:
    return {name: _of_good_parts(scores[name], targets) for name in names}


def _of_good_parts(values: Sequence[float], targets: Sequence[int]) -> list[float]:
    return [value for value, target in zip(values, targets, strict=True) if target == GOOD]
