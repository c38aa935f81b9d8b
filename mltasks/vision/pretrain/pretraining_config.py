"""Settings of a pretraining run, without heavy imports: the web process loads this module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

from mltasks.vision.types import Roi

# Measured on two busy cores without bfloat16; used for estimates before a run has measured its speed.
TYPICAL_CROPS_PER_S = 9.0


def format_duration(crops: int, crops_per_s: float) -> str:
    """Format the time that so many crops take."""
    minutes = crops / crops_per_s / 60
    if minutes >= 120:
        return f"about {minutes / 60:.0f} hours"
    return f"about {minutes:.0f} minutes" if minutes >= 1.5 else "about a minute"


@dataclass(frozen=True, slots=True)
class PlantImage:
    """Stored image, labeled or not: file, hash, region of interest and camera's bit depth."""

    path: Path
    sha256: str
    roi: Roi | None = None
    bit_depth: int | None = None


@dataclass(frozen=True, slots=True)
class PretrainingConfig:
    """Settings of a pretraining run; the defaults take about half an hour on two slow cores.

    ``crop`` and ``side`` are pixels: of a view, and of the tile kept of each image. ``drawn_share`` of each batch are
    drawn images, which prevents forgetting. ``measured`` bounds the labeled images of the comparison. ``threads`` 0
    is torch's own default.
    """

    steps: int = 400
    batch: int = 32
    crop: int = 160
    side: int = 256
    images: int = 3000
    drawn: int = 400
    drawn_share: float = 0.25
    learning_rate: float = 5e-4
    detail: float = 0.0
    statistics_batches: int = 8
    save_every: int = 10
    measured: int = 600
    repeats: int = 5
    threads: int = 0
    seed: int = 7

    def __post_init__(self) -> None:
        """Raise ValueError for values out of range."""
        counts = ("steps", "batch", "images", "drawn", "statistics_batches", "save_every", "measured", "repeats")
        low = [name for name in counts if getattr(self, name) < 1]
        if low:
            raise ValueError(f"{', '.join(low)} must be at least 1.")
        if not 32 <= self.crop <= self.side:
            raise ValueError(f"The crop must be between 32 px and the tile's {self.side} px, not {self.crop}.")
        if not 0 <= self.drawn_share < 1 or self.learning_rate <= 0 or self.detail < 0:
            raise ValueError("drawn_share must lie in [0, 1), learning_rate above 0 and detail at 0 or above.")

    @property
    def typical_duration(self) -> str:
        """Return the usual duration of the distillation as text, without the comparison."""
        return format_duration(self.steps * self.batch, TYPICAL_CROPS_PER_S)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types; ``from_json`` reads them back."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Build a config. Raises ValueError for an unknown name or a value out of range."""
        unknown = sorted(set(values) - {item.name for item in fields(cls)})
        if unknown:
            raise ValueError(f"Unknown pretraining settings: {', '.join(unknown)}.")
        return cls(**values)
