"""Operating point: weights, calibration and thresholds, fitted on held-out parts only."""

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

# On the map, the worst cell stays below 0.5 for this share of held-out good parts.
MAP_QUANTILE = 0.95
# The pixel autoencoder's name among the detectors
PIXEL_AUTOENCODER = "pixels"
# Name of the memory of good parts and labeled defects
LABELED_MEMORY = "known"
MIN_THRESHOLD = 1e-12


@dataclass(frozen=True, slots=True)
class HeldOutScores:
    """Out-of-fold scores of images.

    ``scores`` and ``peaks`` (highest cells) by head or detector, each ``[n]``; ``targets`` and ``parts`` of the same
    images.
    """

    scores: dict[str, list[float]]
    peaks: dict[str, list[float]]
    targets: list[int]
    parts: list[str]

    def subset(self, positions: Sequence[int]) -> HeldOutScores:
        """Select images by position."""
        return HeldOutScores(
            {name: [values[at] for at in positions] for name, values in self.scores.items()},
            {name: [values[at] for at in positions] for name, values in self.peaks.items()},
            [self.targets[at] for at in positions],
            [self.parts[at] for at in positions],
        )


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Fusion, calibration and thresholds of a version.

    - ``thresholds`` of every detector by name, at the same rate of false alarms
    - ``detector``: the detector that decides on novelty
    - ``ensemble``: combines several detectors (None for a single one)
    - The heatmap is the mean of the maps of ``map_detectors``, each divided by its own scale in ``map_scales``;
      ``map_scale`` is the scale of the mean.
    - ``labeled_novelty_threshold``: the same quantile of held-out defects' distances to good parts and labeled defects
      (None without a memory of labeled defects). It applies to parts that fail; parts that pass are compared with good
      parts by ``detector``.
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
        """Return the detectors whose maps localize, whichever detector decides."""
        return _map_detectors(self.detector, self.ensemble)

    def probabilities(self, scores: Mapping[str, Sequence[float]]) -> list[float]:
        """Compute calibrated probabilities of scores by name."""
        found: list[float] = self.calibrator.probability(self.fusion.logits(scores)).tolist()
        return found

    def novelty(self, scores: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
        """Divide each detector's scores by its threshold: above 1 is novel."""
        known = with_ensemble(scores, self.ensemble)
        return {name: [value / level for value in known[name]] for name, level in self.thresholds.items()}


def with_ensemble(scores: Mapping[str, Sequence[float]], ensemble: DetectorEnsemble | None) -> dict[str, list[float]]:
    """Return the scores, plus the ensemble's scores if there is an ensemble."""
    found = {name: list(values) for name, values in scores.items()}
    return {**found, ENSEMBLE: ensemble.combine(found)} if ensemble else found


def fit_operating_point(
    held_out: HeldOutScores, detectors: Sequence[str], quantile: float, seed: int, lowest_threshold: float = 1.0
) -> OperatingPoint:
    """Fit the operating point to held-out parts.

    ``detectors`` are those besides the pixel autoencoder. ``quantile`` is the share of good parts below each detector's
    threshold. ``lowest_threshold`` is the lowest probability at which something is decided.

    Raises ValueError unless both classes are present and all scores are finite.
    """
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
    """Return the scale of the mean map.

    Each map's worst cell counts, wherever it lies, so the scale is rather too high.
    """
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
    """Return the first detector, in order of preference, that ranks labeled defects well enough.

    Well enough is an AUROC within one standard error of the best (Breiman et al., "Classification and Regression
    Trees", 1984). The best detector of labeled defects need not be the best of defects without a label.
    """
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
