"""Split of stored images into those a screening network learns from and those that its certificate rests on."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.data.splits import part_keys
from mltasks.vision.networks.compute import derive_seed
from mltasks.vision.types import DEFECT, Sample

# The certificate needs more parts than the logistic regression.
HELD_OUT_SHARE = 0.6
_SEEDS = 2**56


@dataclass(frozen=True, slots=True)
class AnsweredImage:
    """Stored image with the full graph's answer.

    - ``sample``: its target is DEFECT if the image is labeled defective; images without a label have GOOD
    - ``passed``: True if the full graph passes the image
    - ``trained``: the full graph was trained on the image, so its answer is surer than on a new image
    """

    sample: Sample
    passed: bool
    trained: bool = False


class HeldOutSplit(NamedTuple):
    """Positions of the images by use.

    - ``learning``: images that the network learns from
    - ``held_out``: other images on which the full graph was not trained; they estimate the answered share
    - ``not_passed``: of these, one of each part that the full graph does not pass
    - ``defective``: one held-out image of each part labeled defective
    - ``parts``: key of each image's part, for all images
    """

    learning: NDArray[np.int64]
    held_out: NDArray[np.int64]
    not_passed: NDArray[np.int64]
    defective: NDArray[np.int64]
    parts: list[str]


def split_images(images: Sequence[AnsweredImage], seed: int) -> HeldOutSplit:
    """Split the images by part; a part is held out by a draw from its key and the seed alone.

    Images of one group or one file are one part, as in training. The images that the full graph was trained on are no
    new images to the full graph, so none of them counts as a held-out image that it does not pass. Labeled defective
    parts count although the full graph was trained on them: the question is whether the screening network passes them,
    and it has not seen them.
    """
    keys = part_keys([image.sample for image in images])
    drawn = {key: derive_seed(seed, "fast path", key) / _SEEDS < HELD_OUT_SHARE for key in set(keys)}
    outside = [at for at, key in enumerate(keys) if drawn[key]]
    untrained = [at for at in outside if not images[at].trained]
    return HeldOutSplit(
        _positions(at for at, key in enumerate(keys) if not drawn[key]),
        _positions(untrained),
        _one_image_a_part(untrained, keys, lambda at: not images[at].passed),
        _one_image_a_part(outside, keys, lambda at: images[at].sample.target == DEFECT),
        keys,
    )


def _one_image_a_part(
    positions: Sequence[int], keys: Sequence[str], belongs: Callable[[int], bool]
) -> NDArray[np.int64]:
    """Return one image of each part, drawn by the part's key whatever the image's scores: images of a part depend."""
    members: dict[str, list[int]] = {}
    for at in filter(belongs, positions):
        members.setdefault(keys[at], []).append(at)
    return _positions(sorted(shown[zlib.crc32(key.encode()) % len(shown)] for key, shown in members.items()))


def _positions(found: Iterable[int]) -> NDArray[np.int64]:
    return np.fromiter(found, np.int64)
