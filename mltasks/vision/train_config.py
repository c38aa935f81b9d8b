"""Settings of a training run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from mltasks.vision.speeds import BALANCED, check_budget, speed_settings
from mltasks.vision.types import Costs, InputSize

# Name of the recipe with a segmentation head, among the values of ``TrainConfig.head``
SEGMENTATION_RECIPE = "dense"
# Settings that are lists in JSON
LIST_SETTINGS = ("detectors", "left_out_scores", "curve_shares")


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """All settings of a training run.

    The same snapshot and config give the same weights on the same machine.

    - ``speed`` is ``fast``, ``balanced`` or ``thorough`` (``speeds.py``). ``from_json`` adds the settings of the speed
      where the values name none. ``budget_ms`` bounds the graph's milliseconds per image on one thread of the machine
      that trains (0: no bound).
    - Sizes are pixels, multiples of 32; 0 derives them from the images and the speed.
    - ``head`` is ``dense`` (a segmentation head) or ``pooled`` (the project's first recipe).
    - ``backbone_scale`` is the backbone's share of the input's size, 1 or 0.5, beside an auxiliary backbone.
    - ``companion`` is the auxiliary backbone; empty for none. Its next blocks train for ``stage_epochs`` (0: never) if
      there are at least ``stage_labels`` labels.
    - ``detectors`` are the novelty detectors besides the pixel autoencoder: ``memory`` and ``second_memory`` (patches),
      ``coarse`` (patches at half size), ``detail`` (finer patches), ``features`` (an autoencoder), ``whole`` and
      ``second_whole`` (global statistics). ``places`` joins ``second_memory``, ``coarse`` and ``detail`` (``memory``
      and ``detail`` without an auxiliary backbone).
    - ``left_out_scores`` are heads and detectors that are not trained. ``score_removals`` is the number of scores that
      a version does without beyond those that held-out parts do not need (−1: it keeps all).
    - ``trade_points`` is the most versions of fewer scores whose time and quality the report compares (0: none).
    - ``escape_rate`` and ``escape_confidence`` are the escape guarantee. ``defect_rate`` is the line's share of
      defective parts (None: the labels' share).
    - ``curve_shares`` are the shares of the labels that the report's learning curve adds to the point of all labels
      (none: no curve).
    - ``views`` is the number of random views per image that heads train on (fewer for many images; 0: the images as
      they are).
    - ``synthetic_views`` is the number of pictures with synthetic defects per good image (fewer for many images).
    - ``draws_cap`` bounds the samples drawn per epoch (4 × the training set if that is less).
    - ``precision`` is ``auto`` (8 bits and bfloat16 are checked, see ``precision.py``) or ``f32``.
    - ``backbone`` and ``companion`` name networks (docs/backbone.md). ``backbone_weights`` is ``auto``, a path,
      ``random``, or a source that the network has: ``imagenet``, ``packaged`` or ``shipped``.
    """

    seed: int = 7
    speed: str = BALANCED
    budget_ms: float = 0.0
    height: int = 0
    width: int = 0
    keep_shape: bool = True
    head: str = SEGMENTATION_RECIPE
    companion: str = "efficientnet-lite2"
    detectors: tuple[str, ...] = ("places", "features")
    left_out_scores: tuple[str, ...] = ()
    score_removals: int = 0
    backbone: str = "resnet18"
    backbone_scale: float = 0.5
    backbone_weights: str = "auto"
    folds: int = 5
    cross_validate_below: int = 2000
    max_epochs: int = 40
    patience: int = 10
    batch_size: int = 16
    learning_rate: float = 3e-4
    dense_epochs: int = 10
    dense_learning_rate: float = 2e-3
    stage_epochs: int = 6
    stage_learning_rate: float = 1e-3
    stage_labels: int = 100
    dropout: float = 0.5
    oversampling: int = 4
    draws_cap: int = 1024
    views: int = 8
    synthetic_views: int = 4
    autoencoder_epochs: int = 16
    autoencoder_learning_rate: float = 3e-3
    novelty_quantile: float = 0.95
    escape_rate: float = 0.05
    escape_confidence: float = 0.95
    defect_rate: float | None = None
    curve_shares: tuple[float, ...] = (0.25, 0.5)
    trade_points: int = 6
    precision: str = "auto"
    threads: int = 0
    costs: Costs = field(default_factory=Costs)

    @property
    def input_size(self) -> InputSize:
        """Return the size of the network's input."""
        return InputSize(self.height, self.width, self.keep_shape)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types; ``from_json`` reads them back."""
        return {**asdict(self), **{name: list(getattr(self, name)) for name in LIST_SETTINGS}}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Build a config, with the settings of its speed where ``values`` names none.

        Raises ValueError for unknown names, so that no typo is ignored, and for an unknown speed or budget."""
        names = {item.name for item in fields(cls)}
        unknown = sorted(set(values) - names)
        if unknown:
            raise ValueError(f"Unknown training settings: {', '.join(unknown)}. Known: {', '.join(sorted(names))}.")
        check_budget(values.get("budget_ms", 0))
        values = {**speed_settings(values), **values}
        costs = values.get("costs", {})
        lists = {name: tuple(values[name]) for name in LIST_SETTINGS if name in values}
        return cls(**{**values, **lists, "costs": costs if isinstance(costs, Costs) else Costs(**costs)})
