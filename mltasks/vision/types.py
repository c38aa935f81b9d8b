"""Frozen values that cross floors. Imports nothing heavy, so that every process may import it.

Folders of labeled parts: which names hold good ones, and which files are images. Imports nothing.

A part as a point: what a network sees of it, in so few numbers that a database can look for the nearest. What draws
it is `embedder`; this much is known without torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple, Self

GOOD = 0
DEFECT = 1
# The split of what no version learns from: every version is measured on it.
HOLDOUT = "holdout"
# Settings that JSON holds as lists
LIST_SETTINGS = ("detectors", "curve_shares")


@dataclass(frozen=True, slots=True)
class Roi:
    """A region of interest in pixels of the upright image (after EXIF orientation)."""

    x: int
    y: int
    width: int
    height: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``X,Y,W,H``. Raises ValueError unless there are four integers, x, y >= 0 and W, H > 0."""
        try:
            x, y, width, height = (int(part) for part in text.split(","))
        except ValueError:
            raise ValueError(f"A region of interest is four integers X,Y,W,H, not {text!r}.") from None
        if x < 0 or y < 0 or width <= 0 or height <= 0:
            raise ValueError("A region of interest needs X, Y of at least 0 and W, H above 0.")
        return cls(x, y, width, height)

    @classmethod
    def from_stored(cls, text: str) -> Self | None:
        """As a row has it: an empty text is the whole image. Raises ValueError as ``parse``."""
        return cls.parse(text) if text else None


class InputSize(NamedTuple):
    """What a network sees of an image, in pixels. With ``keep_shape`` the region keeps its aspect ratio, and the rest
    is filled with its own mirror image; versions made before that squash it."""

    height: int
    width: int
    keep_shape: bool = True


class Placement(NamedTuple):
    """Where the region lies inside the network's input, in pixels of the input."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One labeled image.

    ``name`` is the image's stable name in reports, ``target`` 0 (good) or 1 (defect). Samples that show the same part
    share ``group`` and are never split. ``split`` is ``train``, ``validation``, ``test`` or ``fold-N``; of what is
    locked away from learning, ``holdout``. ``bit_depth`` is how many of 16 bits its camera uses, None where the file
    says so or has 8.
    """

    name: str
    sha256: str
    path: Path
    target: int
    group: str
    split: str = ""
    defect_type: str = ""
    roi: Roi | None = None
    bit_depth: int | None = None


@dataclass(frozen=True, slots=True)
class Costs:
    """What decisions cost, in any one unit. Defaults: an escape costs five false alarms, a review a fifth of one."""

    fn: float = 5.0
    fp: float = 1.0
    review: float = 0.2


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """All that shapes a training run. The same snapshot and config give the same weights on the same machine.

    Sizes are pixels, multiples of 32; 0 has them chosen from the images. ``head`` is ``dense`` or ``pooled`` (the
    recipe the project grew from); ``companion`` is the second, smaller frozen network, empty for none, whose next
    blocks learn for ``stage_epochs`` (0: never) where there are ``stage_labels`` or more. ``detectors`` of
    novelty beside the pixel autoencoder: ``memory`` and ``second_memory`` of patches, ``detail`` of finer ones,
    ``places`` (the last two as one), ``features`` (an autoencoder), ``whole`` and ``second_whole`` parts.
    ``escape_rate`` and ``escape_confidence`` are the promise about escapes, ``defect_rate`` the line's share of
    defective parts (None: that of the labels). ``curve_shares`` of the labels are the points of the report's learning
    curve, beside all of them (none: no curve).
    ``views`` are the random views of each image that heads learn from (fewer of many images; 0: the images as they
    are); ``draws_cap`` bounds the samples drawn per epoch (4 × the training set below it);
    ``precision`` is ``auto`` (8 bits where they are faster and as good, see ``precision.py``) or ``f32``;
    ``backbone_weights`` as the contract says: ``auto``, a path, ``imagenet``, ``shipped`` or ``random``.
    """

    seed: int = 7
    height: int = 0
    width: int = 0
    keep_shape: bool = True
    head: str = "dense"
    companion: str = "efficientnet-lite2"
    detectors: tuple[str, ...] = ("memory", "features", "places", "whole", "second_whole")
    backbone: str = "resnet18"
    backbone_weights: str = "auto"
    folds: int = 5
    cross_validate_below: int = 2000
    max_epochs: int = 40
    patience: int = 10
    batch_size: int = 16
    learning_rate: float = 3e-4
    dense_epochs: int = 12
    dense_learning_rate: float = 2e-3
    stage_epochs: int = 4
    stage_learning_rate: float = 1e-3
    stage_labels: int = 100
    dropout: float = 0.5
    oversampling: int = 4
    draws_cap: int = 1024
    views: int = 8
    autoencoder_epochs: int = 16
    autoencoder_learning_rate: float = 3e-3
    novelty_quantile: float = 0.95
    escape_rate: float = 0.05
    escape_confidence: float = 0.95
    defect_rate: float | None = None
    curve_shares: tuple[float, ...] = (0.25, 0.5)
    precision: str = "auto"
    threads: int = 0
    costs: Costs = field(default_factory=Costs)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types; ``from_json`` reads them back."""
        return {**asdict(self), **{name: list(getattr(self, name)) for name in LIST_SETTINGS}}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Build a config. Raises ValueError for an unknown name, so that a typo never trains silently."""
        known = {item.name for item in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ValueError(f"Unknown training settings: {', '.join(unknown)}. Known: {', '.join(sorted(known))}.")
        costs = values.get("costs", {})
        made = costs if isinstance(costs, Costs) else Costs(**costs)
        lists = {name: tuple(values[name]) for name in LIST_SETTINGS if name in values}
        return cls(**{**values, **lists, "costs": made})


@dataclass(frozen=True, slots=True)
class Thresholds:
    """A version's operating point. Probabilities are calibrated, in [0, 1]; the anomaly threshold is a mean squared
    error per pixel of the autoencoder."""

    defect_probability: float
    anomaly: float


@dataclass(frozen=True, slots=True)
class Scores:
    """What a version says of one image. ``novelty`` is its novelty detector's score over that detector's threshold: a
    defect unlike any labeled one is suspected above 1."""

    defect_probability: float
    reconstruction_error: float
    anomaly_threshold: float
    probability_threshold: float
    novel_defect_suspected: bool
    novelty: float = 0.0

    @property
    def defective(self) -> bool:
        """The model's own label at its operating point: true is FAIL."""
        return self.defect_probability >= self.probability_threshold


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of a long run: ``share`` in [0, 1], the stage in words, and the epoch's metrics when there are any."""

    share: float
    stage: str
    metrics: Mapping[str, float | int | str] = field(default_factory=dict)


ProgressCallback = Callable[[Progress], None]


def no_progress(_: Progress) -> None:
    """A callback that reports to nobody."""


EMBEDDING_DIMENSIONS = 256
# Goes up when the same network would draw other points: those of two recipes can't be compared.
EMBEDDING_RECIPE = 1


GOOD_FOLDERS = frozenset({"good", "ok", "pass"})
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
