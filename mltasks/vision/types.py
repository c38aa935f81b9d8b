"""Value types and constants that every vision package shares; imports nothing heavy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, astuple, dataclass, field, fields
from pathlib import Path
from typing import NamedTuple, Self

GOOD = 0
DEFECT = 1
# Split of the samples that no version trains on and every version is measured on
HOLDOUT = "holdout"
# Marks of one label
MARKS_LIMIT = 8
_SHARE_DIGITS = 6
# Rounding error of a left and a width, or a top and a height, that add up to the image's side
_SHARE_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Roi:
    """Region of interest in pixels of the upright image (after EXIF orientation)."""

    x: int
    y: int
    width: int
    height: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``X,Y,W,H``.

        Raises ValueError unless there are four integers, x, y >= 0 and W, H > 0.
        """
        try:
            x, y, width, height = (int(part) for part in text.split(","))
        except ValueError:
            raise ValueError(f"A region of interest is four integers X,Y,W,H, not {text!r}.") from None
        if x < 0 or y < 0 or width <= 0 or height <= 0:
            raise ValueError("A region of interest needs X, Y of at least 0 and W, H above 0.")
        return cls(x, y, width, height)

    @classmethod
    def from_stored(cls, text: str) -> Self | None:
        """Read a stored region; an empty text is the whole image. Raises ValueError as ``parse``."""
        return cls.parse(text) if text else None


class InputSize(NamedTuple):
    """Size of a network's input in pixels.

    With ``keep_shape`` the region keeps its aspect ratio and its mirror image fills the rest. Older versions squash the
    region.
    """

    height: int
    width: int
    keep_shape: bool = True


class Placement(NamedTuple):
    """Position of the region inside the network's input, in pixels of the input."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Mark:
    """Rectangle that a person drew around a defect, on the upright whole image (after EXIF orientation).

    Values are shares in [0, 1] of the whole image's width (``left``, ``width``) and height (``top``, ``height``), not
    of the region's, rounded to a millionth. Width and height 0 are a point, one of them 0 is a line. Raises ValueError
    for other values.
    """

    left: float
    top: float
    width: float = 0.0
    height: float = 0.0

    def __post_init__(self) -> None:
        shares = astuple(self)
        if not all(_is_share(share) for share in shares):
            raise ValueError(f"A mark's left, top, width and height are numbers from 0 to 1, not {list(shares)}.")
        if max(self.left + self.width, self.top + self.height) > 1 + _SHARE_ROUNDING:
            raise ValueError(f"A mark lies inside the image; {list(shares)} ends outside.")
        for item, share in zip(fields(self), shares, strict=True):
            # One spelling of each number (0.0 for -0.0 and 0), so that a snapshot's hash survives its storage.
            object.__setattr__(self, item.name, round(float(share), _SHARE_DIGITS) + 0.0)

    def to_json(self) -> dict[str, float]:
        """Return plain JSON types; ``from_json`` reads them back."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: object) -> Self:
        """Read an object with ``left``, ``top`` and, unless it is a point, ``width`` and ``height``.

        Raises ValueError for missing or unknown names and as the class does.
        """
        names = [item.name for item in fields(cls)]
        if not isinstance(values, Mapping) or not set(names[:2]) <= set(values) <= set(names):
            raise ValueError("A mark is an object with left, top, width and height; a point has only left and top.")
        return cls(**values)


def parse_marks(values: object) -> tuple[Mark, ...]:
    """Read the marks of one label. Raises ValueError unless it is a list of at most ``MARKS_LIMIT`` marks."""
    if not isinstance(values, list | tuple):
        raise ValueError("Marks are a list.")
    if len(values) > MARKS_LIMIT:
        raise ValueError(f"A label has at most {MARKS_LIMIT} marks, not {len(values)}.")
    return tuple(Mark.from_json(value) for value in values)


def _is_share(value: object) -> bool:
    # The comparison also refuses NaN and infinity.
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


@dataclass(frozen=True, slots=True)
class Sample:
    """One labeled image.

    ``name`` is the image's stable name in reports, ``target`` 0 (good) or 1 (defect). Samples that show the same part
    share ``group`` and are never split. ``split`` is ``train``, ``validation``, ``test``, ``fold-N`` or ``holdout``
    (never trained on). ``bit_depth`` is the number of the 16 bits that the camera uses; None if the file states it or
    has 8 bits. ``marks`` show where a reviewer saw the defect; no mark says nothing about the place. ``mask`` is a
    grayscale picture of the upright whole image's size whose pixels above 0 are the defect.
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
    marks: tuple[Mark, ...] = ()
    mask: Path | None = None


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs of decisions in one common unit.

    Defaults: an escape costs five false alarms, a review a fifth of a false alarm.
    """

    fn: float = 5.0
    fp: float = 1.0
    review: float = 0.2


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Thresholds of a version.

    The defect probability is calibrated, in [0, 1]; ``anomaly`` is the autoencoder's mean squared error per pixel.
    """

    defect_probability: float
    anomaly: float


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of one image by one version.

    ``novelty`` is the novelty detector's score divided by that detector's threshold; above 1 a novel defect is
    suspected.
    """

    defect_probability: float
    reconstruction_error: float
    anomaly_threshold: float
    probability_threshold: float
    novel_defect_suspected: bool
    novelty: float = 0.0

    @property
    def defective(self) -> bool:
        """Return True if the model verdict at the operating point is FAIL."""
        return self.defect_probability >= self.probability_threshold


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of a long run: share done, stage and metrics.

    ``share`` is in [0, 1]; ``metrics`` are those of an epoch, if any.
    """

    share: float
    stage: str
    metrics: Mapping[str, float | int | str] = field(default_factory=dict)


ProgressCallback = Callable[[Progress], None]


def no_progress(_: Progress) -> None:
    """Ignore the progress of a run."""


EMBEDDING_DIMENSIONS = 256
# Increase when the same network would compute other embeddings: embeddings of two recipes don't compare.
EMBEDDING_RECIPE = 2


GOOD_FOLDERS = frozenset({"good", "ok", "pass"})
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
