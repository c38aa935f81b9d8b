"""Which parts of a line repeat what people see already, judged some parts at a time as they arrive.

The comparison is that of ``near_pairs.py``. But a line may show one part a hundred times in a row, and a population of
repeats would take what the part has of its own for what all have in common. So what is common is learned from a base
without repeats: the parts known before, or while those are few, parts as unlike each other as can be.
Fingerprints are packed small, so that a row can keep one. Needs numpy and Pillow only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.data.duplicate_groups import TEXTURE_SIDE, Fingerprint
from mltasks.vision.data.duplicate_pairs import (
    BACKDROP_IMAGES,
    MAX_DISTANCE_RATIO,
    MAX_NEIGHBORS,
    MIN_COARSE_SIMILARITY,
    MIN_IMAGES,
    MIN_SIMILARITY,
    Floats,
    Pairs,
    Textures,
    aligned_similarity,
    coarse_vectors,
    common_components,
    fixture_populations,
    same_size,
    subtract_common,
)

# Steps of a packed texture, whose values lie between about -3 and 3; a finer one finds the same pairs.
_QUANTIZATION_STEP = 1 / 40
# So many known parts tell by themselves what is common. Before, the base is this share of all.
_MIN_BASE_IMAGES, _BASE_SHARE = 24, 0.5
# Correlation of whole textures from which they are one picture, perhaps compressed again. Not less: smooth parts in a
# stiff fixture correlate as well as that, and are different parts.
_IDENTICAL_CORRELATION = 0.9995
# A repeat's likeness is 1, and no other's is.
_MAX_OTHER_SIMILARITY = 0.99


def pack_texture(texture: NDArray[np.float16]) -> bytes:
    """A fingerprint's texture in 4 kilobytes."""
    return np.clip(np.round(texture.astype(np.float32) / _QUANTIZATION_STEP), -127, 127).astype(np.int8).tobytes()


def unpack_texture(packed: bytes) -> NDArray[np.float16]:
    """The texture again. Raises ValueError for bytes of another length."""
    steps = np.frombuffer(packed, dtype=np.int8).reshape(TEXTURE_SIDE, TEXTURE_SIDE)
    return (steps * np.float32(_QUANTIZATION_STEP)).astype(np.float16)


@dataclass(frozen=True, slots=True)
class BestMatch:
    """How like an image is to the likest one before it, in [0, 1]: 1 for a near-duplicate, and then of which."""

    similarity: float
    duplicate_of: int | None  # its position among the known and then the new


def best_earlier_match(reference: Sequence[Fingerprint], new: Sequence[Fingerprint]) -> list[BestMatch]:
    """How like each new image is to the known and the earlier new ones.

    ``reference_count`` should hold no near-duplicates. Where fewer than eight images were taken in one fixture, what
    they have in
    common is not known, and only the very same picture is like another.
    """
    every = [*reference, *new]
    found = np.zeros(len(every), dtype=np.float32)
    repeated = np.full(len(every), -1)
    if new:
        textures = np.stack([one.texture for one in every])
        sizes = np.array([(one.width, one.height) for one in every])
        for members in fixture_populations(textures):
            if len(members) >= MIN_IMAGES:
                before = int((members < len(reference)).sum())
                base = _base_positions(textures[members], before)
                found[members], pairs = _similarity_to_earlier(textures[members], sizes[members], base, before)
                repeated[members[pairs[:, 0]]] = members[pairs[:, 1]]
        halved = coarse_vectors(textures)
        earlier = np.tril(halved @ halved.T, -1)
        same = earlier.max(1) > _IDENTICAL_CORRELATION
        found[same], repeated[same] = 1.0, earlier.argmax(1)[same]
    told = zip(found[len(reference) :], repeated[len(reference) :], strict=True)
    return [BestMatch(float(likeness), int(one) if one >= 0 else None) for likeness, one in told]


def _base_positions(textures: Textures, reference_count: int) -> NDArray[np.int64]:
    """Positions that tell what is common: the known ones, which come first, or else those farthest from each other."""
    if reference_count >= _MIN_BASE_IMAGES:
        return np.arange(reference_count)
    halved = coarse_vectors(textures)
    chosen = [0]
    nearest = halved @ halved[0]
    while len(chosen) < max(MIN_IMAGES, round(len(textures) * _BASE_SHARE)):
        chosen.append(int(nearest.argmin()))
        nearest = np.maximum(nearest, halved @ halved[chosen[-1]])
    return np.array(sorted(chosen))


def _similarity_to_earlier(
    textures: Textures, sizes: NDArray[np.int64], base: NDArray[np.int64], before: int
) -> tuple[Floats, Pairs]:
    """The likeness of all, of which that from position ``before`` on is meant, and pairs (later, earlier) of repeats
    from there on, the likest of each last."""
    own = subtract_common(textures, *common_components(textures[base]))
    halved = coarse_vectors(own)
    likeness = halved @ halved.T
    found = np.clip(np.tril(likeness, -1).max(1), 0.0, _MAX_OTHER_SIMILARITY).astype(np.float32)
    earlier = np.tril(same_size(sizes, sizes), -1) & (likeness > MIN_COARSE_SIMILARITY)
    earlier[:before] = False
    near = _nearest(np.where(earlier, likeness, -2.0))
    room = 1.0 - _backdrop(own, likeness, base, near)
    alike = aligned_similarity(own, near)
    kept = (alike > MIN_SIMILARITY) & (1.0 - alike < MAX_DISTANCE_RATIO * room)
    pairs = near[kept][np.argsort(alike[kept], kind="stable")]
    found[pairs[:, 0]] = 1.0
    return found, pairs


def _nearest(likeness: NDArray[Any]) -> Pairs:
    """Pairs (later, earlier) of each image with its nearest earlier ones, as far as there are."""
    kept = min(MAX_NEIGHBORS, likeness.shape[1] - 1)
    others = np.argpartition(-likeness, kept, axis=1)[:, :kept]
    pairs = np.stack([np.repeat(np.arange(len(likeness)), kept), others.ravel()], axis=1)
    return np.asarray(pairs[likeness[pairs[:, 0], pairs[:, 1]] > MIN_COARSE_SIMILARITY], dtype=np.int64)


def _backdrop(residuals: Textures, likeness: Floats, base: NDArray[np.int64], near: Pairs) -> Floats:
    """How like the images of each pair are to images of the base that can't show the same part: beyond the nearest."""
    asked, places = np.unique(near, return_inverse=True)
    to_base = likeness[:, base].copy()
    to_base[base, np.arange(len(base))] = -2.0
    # Some of the base may be repeats that nobody recognised.
    rank = min(5 + len(base) // 20, len(base) - 1 - BACKDROP_IMAGES)
    ranks = list(range(rank, rank + BACKDROP_IMAGES))
    rivals = np.argpartition(-to_base[asked], ranks, axis=1)[:, rank : rank + BACKDROP_IMAGES]
    pairs = np.stack([np.repeat(asked, BACKDROP_IMAGES), base[rivals].ravel()], axis=1)
    found = aligned_similarity(residuals, pairs).reshape(len(asked), BACKDROP_IMAGES).max(1)
    return np.asarray(found[places.reshape(near.shape)].max(1), dtype=np.float32)
