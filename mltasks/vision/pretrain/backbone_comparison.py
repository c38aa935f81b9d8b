"""Comparison of backbones on a product's labels, which no candidate was trained on.

The measure is the average precision of out-of-fold predictions by a logistic regression on frozen features. Features
are pooled over the product's own input size; each repeat has other folds. Frozen features mostly rank backbones as
fine-tuning does: Kornblith et al., "Do Better ImageNet Models Transfer Better?" (CVPR 2019).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.data.splits import check_class_counts, collect_parts, part_keys
from mltasks.vision.networks.backbones import WeightsSource, load_backbone
from mltasks.vision.pretrain.linear_probe import Floats, out_of_fold_probabilities, pooled_features, subsample_parts
from mltasks.vision.stats.intervals import Estimate, PartBootstrap
from mltasks.vision.stats.metrics import average_precision
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import Sample

NEW_BACKBONE = "new"


@dataclass(frozen=True, slots=True)
class BackboneComparison:
    """Measures of all candidates, and the decision on the new backbone by ``decide_adoption``.

    ``candidates`` are average precisions with 95 % intervals. ``difference`` is the new backbone's minus the
    incumbent's, paired over parts. ``sources`` are the weights of each candidate.
    """

    incumbent: str
    candidates: dict[str, Estimate]
    difference: Estimate
    adopt: bool
    explanation: str
    images: int
    parts: int
    repeats: int
    sources: dict[str, WeightsSource]

    def to_json(self) -> dict[str, Any]:
        """Return the stored keys with plain JSON types."""
        stored = asdict(self)
        stored["words"] = stored.pop("explanation")
        return stored


def compare_backbones(
    samples: Sequence[Sample],
    config: TrainConfig,
    candidates: Mapping[str, str],
    incumbent: str,
    *,
    repeats: int,
    max_images: int,
    stage: Stage,
) -> BackboneComparison:
    """Measure each candidate on at most about ``max_images`` labeled images.

    ``candidates`` map names to weights for ``load_backbone``; ``new`` must be among the names. Raises
    NotEnoughLabels, WeightsError for unusable weights, and ValueError naming an unreadable image.
    """
    chosen = subsample_parts(samples, max_images, config.seed)
    check_class_counts(collect_parts(chosen))
    targets = np.array([sample.target for sample in chosen])
    scores, sources = dict[str, Floats](), dict[str, WeightsSource]()
    for number, (name, weights) in enumerate(candidates.items()):
        part = stage.substage(
            number / len(candidates), (number + 1) / len(candidates), f"evaluating the {name} backbone"
        )
        network, sources[name] = load_backbone("resnet18", weights)
        rows = pooled_features(network, chosen, config, part)
        scores[name] = out_of_fold_probabilities(rows, chosen, repeats, config.seed)
    return decide_adoption(scores, targets, part_keys(chosen), incumbent, sources, seed=config.seed)


def decide_adoption(
    scores: Mapping[str, Floats],
    targets: NDArray[np.int64],
    parts: Sequence[str],
    incumbent: str,
    sources: Mapping[str, WeightsSource] | None = None,
    *,
    seed: int = 7,
) -> BackboneComparison:
    """Compare out-of-fold scores (repeats, n) of candidates, ``new`` and ``incumbent`` included.

    The new backbone is adopted if two conditions hold: the 95 % interval of its paired difference to the incumbent
    lies above 0, and no candidate measures higher. In a tie the incumbent stays.
    """
    bootstrap = PartBootstrap(parts, targets.tolist(), seed)

    def reached(name: str, weights: Floats) -> Floats:
        each = [average_precision(row, targets, weights) for row in scores[name]]
        mean: Floats = np.mean(each, axis=0)
        return mean

    estimates = {name: bootstrap.estimate(lambda weights, name=name: reached(name, weights)) for name in scores}  # type: ignore[misc]
    gain = bootstrap.estimate(lambda weights: reached(NEW_BACKBONE, weights) - reached(incumbent, weights))
    best = max(estimates, key=lambda name: estimates[name].value or 0.0)
    surely = gain.low is not None and gain.low > 0
    return BackboneComparison(
        incumbent=incumbent,
        candidates=estimates,
        difference=gain,
        adopt=surely and estimates[NEW_BACKBONE].value == estimates[best].value,
        explanation=_describe(estimates, gain, incumbent, best, surely=surely),
        images=len(targets),
        parts=bootstrap.parts,
        repeats=len(scores[NEW_BACKBONE]),
        sources=dict(sources or {}),
    )


def _describe(estimates: Mapping[str, Estimate], gain: Estimate, incumbent: str, best: str, *, surely: bool) -> str:
    if gain.value is None or gain.low is None or gain.high is None:
        return "Not used: there are no measurements."
    comparison = (
        f"Average precision {estimates[NEW_BACKBONE].value:.3f} against {estimates[incumbent].value:.3f} "
        f"of the {incumbent} backbone, "
        f"difference {gain.value:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]"
    )
    if not surely:
        return f"Not used: {comparison}. The interval must lie above 0."
    if estimates[NEW_BACKBONE].value != estimates[best].value:
        return f"Not used: {comparison}, but the {best} backbone reaches {estimates[best].value:.3f}."
    return f"Used from the next training run on: {comparison}."
