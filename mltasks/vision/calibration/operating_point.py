"""Operating point: weights, calibration and thresholds, fitted on held-out parts only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from mltasks.vision.calibration.calibration import anomaly_threshold, fit_calibrator, fit_platt
from mltasks.vision.calibration.detector_ensemble import ENSEMBLE, DetectorEnsemble, fit_ensemble
from mltasks.vision.calibration.fusion import Fusion
from mltasks.vision.calibration.score_removal import least_needed_score
from mltasks.vision.calibration.score_selection import fit_selected_fusion
from mltasks.vision.serving.calibrator import Calibrator
from mltasks.vision.stats.metrics import auroc, auroc_standard_error
from mltasks.vision.types import DEFECT, GOOD

# On the map, the worst cell stays below 0.5 for this share of held-out good parts.
MAP_QUANTILE = 0.95
# The pixel autoencoder's name among the detectors
PIXEL_AUTOENCODER = "pixels"
# Name of the memory of good parts and labeled defects
LABELED_MEMORY = "known"
# Name of the head whose cells are the evidence map
SEGMENTATION = "segmentation"
# Scores that need the backbone; a version with an auxiliary backbone computes nothing else with it.
BACKBONE_SCORES = frozenset({"texture", "memory", "whole"})
MIN_THRESHOLD = 1e-12
# Classifiers that a version always has one of
MAIN_HEADS = (SEGMENTATION, "pooled")
# Number of removals that stands for no selection
KEEP_ALL_SCORES = -1


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
    - ``evidence``: probability of a defect by the segmentation head's highest cell (None without that head). It turns
      each cell of the evidence map into a probability.
    """

    fusion: Fusion
    calibrator: Calibrator
    thresholds: dict[str, float]
    detector: str
    map_scale: float
    labeled_novelty_threshold: float | None = None
    ensemble: DetectorEnsemble | None = None
    map_scales: dict[str, float] = field(default_factory=dict)
    evidence: Calibrator | None = None

    @property
    def used_heads(self) -> set[str]:
        """Return the heads and detectors that a version's scores and maps need; all others are left out."""
        return {*self.fusion.weights, *_always_computed(self.detector, self.ensemble)}

    @property
    def map_detectors(self) -> list[str]:
        """Return the detectors whose maps localize, whichever detector decides."""
        return _map_detectors(self.detector, self.ensemble)

    def with_all_scores(self) -> OperatingPoint:
        """Return this operating point as if no score had been left out, to count what that saves."""
        everything = {**self.fusion.weights, **dict.fromkeys(self.fusion.dropped, 1.0)}
        return replace(self, fusion=replace(self.fusion, weights=everything))

    def probabilities(self, scores: Mapping[str, Sequence[float]]) -> list[float]:
        """Compute calibrated probabilities of scores by name."""
        probabilities: list[float] = self.calibrator.probability(self.fusion.logits(scores)).tolist()
        return probabilities

    def novelty(self, scores: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
        """Divide each detector's scores by its threshold: above 1 is novel."""
        detector_scores = with_ensemble(scores, self.ensemble)
        return {name: [value / level for value in detector_scores[name]] for name, level in self.thresholds.items()}


def with_ensemble(scores: Mapping[str, Sequence[float]], ensemble: DetectorEnsemble | None) -> dict[str, list[float]]:
    """Return the scores, plus the ensemble's scores if there is an ensemble."""
    detector_scores = {name: list(values) for name, values in scores.items()}
    return detector_scores | ({ENSEMBLE: ensemble.combine(detector_scores)} if ensemble else {})


def fit_operating_point(
    held_out: HeldOutScores,
    detectors: Sequence[str],
    quantile: float,
    seed: int,
    lowest_threshold: float = 1.0,
    removals: int = 0,
) -> OperatingPoint:
    """Fit the operating point to held-out parts.

    ``detectors`` are those besides the pixel autoencoder. ``quantile`` is the share of good parts below each detector's
    threshold. ``lowest_threshold`` is the lowest probability at which something is decided. ``removals`` is the number
    of scores to remove after the selection, as far as there are any; ``KEEP_ALL_SCORES`` selects none.

    Raises ValueError unless both classes are present and all scores are finite.
    """
    targets, select = held_out.targets, removals > KEEP_ALL_SCORES
    if len(set(targets)) < 2:
        raise ValueError("Fusion and thresholds need held-out parts of both classes.")
    point = _fit_scores(held_out, detectors, quantile, seed, lowest_threshold, select)
    for _ in range(removals):
        scores = {name: held_out.scores[name] for name in point.fusion.weights}
        candidates = removable_scores(point, detectors)
        least = least_needed_score(scores, targets, held_out.parts, seed, candidates, point.fusion.detectors)
        if least is None:
            break
        dropped = {**point.fusion.dropped, least[0]: least[1]}
        kept = {name: values for name, values in held_out.scores.items() if name not in dropped}
        held_out, detectors = replace(held_out, scores=kept), [name for name in detectors if name not in dropped]
        point = _fit_scores(held_out, detectors, quantile, seed, lowest_threshold, select=False)
        point = replace(point, fusion=replace(point.fusion, dropped=dropped))
    return point


def removable_scores(point: OperatingPoint, detectors: Sequence[str]) -> list[str]:
    """Return the scores that a smaller version could do without.

    The main head and the first detector stay: a version needs a classifier, and the first detector is preferred.
    """
    kept = {*MAIN_HEADS, *detectors[:1]}
    computed = [*point.fusion.weights, *(name for name in detectors if name in point.used_heads)]
    return [name for name in dict.fromkeys(computed) if name not in kept]


def _fit_scores(
    held_out: HeldOutScores,
    detectors: Sequence[str],
    quantile: float,
    seed: int,
    lowest_threshold: float,
    select: bool,
) -> OperatingPoint:
    """Fit as ``fit_operating_point``, with all scores or those that ``fit_selected_fusion`` keeps."""
    targets = held_out.targets
    inputs = {
        name: values for name, values in held_out.scores.items() if name not in (PIXEL_AUTOENCODER, LABELED_MEMORY)
    }
    ensemble = fit_ensemble({name: _of_class(held_out.scores[name], targets, GOOD) for name in detectors})
    scores = with_ensemble(held_out.scores, ensemble)
    names = [*([ENSEMBLE] if ensemble else []), *detectors, PIXEL_AUTOENCODER]
    detector = choose_detector({name: scores[name] for name in names}, targets, held_out.parts)
    free = _always_computed(detector, ensemble) if select else set(inputs)
    fusion = fit_selected_fusion(
        inputs, targets, held_out.parts, seed, detectors=detectors, costly=BACKBONE_SCORES, free=free
    )
    inputs = {name: inputs[name] for name in fusion.weights}
    scales = {name: _threshold(held_out.peaks[name], targets, MAP_QUANTILE) for name in (*detectors, PIXEL_AUTOENCODER)}
    # Each map's worst cell counts, wherever it lies, so the scale of the mean map is rather too high.
    peaks = [np.asarray(held_out.peaks[name]) / scales[name] for name in _map_detectors(detector, ensemble)]
    return OperatingPoint(
        fusion=fusion,
        calibrator=fit_calibrator(fusion.logits(inputs).tolist(), targets, held_out.parts, seed, lowest_threshold),
        thresholds={name: _threshold(scores[name], targets, quantile) for name in names},
        detector=detector,
        map_scale=_threshold(np.mean(peaks, axis=0).tolist(), targets, MAP_QUANTILE),
        labeled_novelty_threshold=(
            _threshold(scores[LABELED_MEMORY], targets, quantile, DEFECT) if LABELED_MEMORY in scores else None
        ),
        ensemble=ensemble,
        map_scales=scales,
        evidence=fit_platt(held_out.peaks[SEGMENTATION], targets) if SEGMENTATION in held_out.peaks else None,
    )


def _always_computed(detector: str, ensemble: DetectorEnsemble | None) -> set[str]:
    """Return the heads and detectors of novelty and maps, whichever scores the fusion uses."""
    deciding = set(ensemble.log_scores) if ensemble and detector == ENSEMBLE else {detector}
    return {*deciding, *_map_detectors(detector, ensemble), LABELED_MEMORY, SEGMENTATION}


def _map_detectors(detector: str, ensemble: DetectorEnsemble | None) -> list[str]:
    return ensemble.localizing if ensemble else [detector]


def choose_detector(scores: Mapping[str, Sequence[float]], targets: Sequence[int], parts: Sequence[str]) -> str:
    """Return the first detector, in order of preference, that ranks labeled defects well enough.

    Well enough is an AUROC within one standard error of the best (Breiman et al., "Classification and Regression
    Trees", 1984). The best detector of labeled defects need not be the best of defects without a label.
    """
    classes, weights = np.asarray(targets, np.int64), np.ones((1, len(targets)))
    areas = {name: float(auroc(np.asarray(values), classes, weights)[0]) for name, values in scores.items()}
    defective = {part for part, target in zip(parts, targets, strict=True) if target == DEFECT}
    best = max(areas.values())
    least = best - auroc_standard_error(best, len(defective), max(1, len(set(parts) - defective)))
    return next(name for name, area in areas.items() if area >= least)


def _threshold(values: Sequence[float], targets: Sequence[int], quantile: float, target: int = GOOD) -> float:
    """Return the ``quantile`` of one class's values, above 0."""
    return max(anomaly_threshold(_of_class(values, targets, target), quantile), MIN_THRESHOLD)


def _of_class(values: Sequence[float], targets: Sequence[int], members: int) -> list[float]:
    return [value for value, target in zip(values, targets, strict=True) if target == members]
