"""Incremental detection of near-duplicates among the parts of a line.

The comparison is that of ``duplicate_pairs.py``. But a line may show one part a hundred times in a row. In a population
of duplicates the part's own content would count as common. So the common content comes from a base without duplicates:
the reference parts, or while they are few, parts as unlike each other as possible. Fingerprints are packed so that a
row can store one. Needs numpy and Pillow only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.data.duplicate_groups import TEXTURE_SIDE, Fingerprint, stack_fingerprints
from mltasks.vision.data.duplicate_pairs import (
    MAX_DISTANCE_RATIO,
    MIN_COARSE_SIMILARITY,
    MIN_IMAGES,
    MIN_SIMILARITY,
    Floats,
    Pairs,
    Textures,
    aligned_similarity,
    backdrop_columns,
    coarse_vectors,
    common_components,
    fixture_populations,
    nearest_pairs,
    pair_with,
    same_size,
    subtract_common,
)

# New parts of one comparison, and the latest earlier parts that they are compared with. A comparison takes 0.3 s of one
# core for few parts, 1 s for all. A run of near-duplicates lasts some minutes.
BATCH_SIZE = 64
MAX_EARLIER_PARTS = 128
# Step of a packed texture, whose values lie between about -3 and 3; a finer step finds the same pairs.
_QUANTIZATION_STEP = 1 / 40
# This many reference parts are a base by themselves. With fewer, the base is this share of all parts.
_MIN_BASE_IMAGES, _BASE_SHARE = 24, 0.5
# Correlation of whole textures from which two are the same image, perhaps recompressed. Different smooth parts in a
# stiff fixture correlate almost as much, so the limit must not be lower.
_IDENTICAL_CORRELATION = 0.9995
# Only a near-duplicate has the similarity 1.
_MAX_OTHER_SIMILARITY = 0.99


def pack_texture(texture: NDArray[np.float16]) -> bytes:
    """Pack a fingerprint's texture into 4 kilobytes."""
    return np.clip(np.round(texture.astype(np.float32) / _QUANTIZATION_STEP), -127, 127).astype(np.int8).tobytes()


def unpack_texture(packed: bytes) -> NDArray[np.float16]:
    """Unpack a texture. Raises ValueError for bytes of another length."""
    steps = np.frombuffer(packed, dtype=np.int8).reshape(TEXTURE_SIDE, TEXTURE_SIDE)
    return (steps * np.float32(_QUANTIZATION_STEP)).astype(np.float16)


@dataclass(frozen=True, slots=True)
class BestMatch:
    """Similarity in [0, 1] to the most similar earlier image; 1 for a near-duplicate."""

    similarity: float
    duplicate_of: int | None  # position in the reference images followed by the new images


def best_earlier_match(reference: Sequence[Fingerprint], new: Sequence[Fingerprint]) -> list[BestMatch]:
    """Return each new image's best match among the reference images and earlier new images.

    ``reference`` should hold no near-duplicates. With fewer than eight images of one fixture, their common content is
    unknown, and only the identical image matches.
    """
    images = [*reference, *new]
    similarities = np.zeros(len(images), dtype=np.float32)
    duplicate_of = np.full(len(images), -1)
    if new:
        textures, sizes = stack_fingerprints(images)
        for members in fixture_populations(textures):
            if len(members) >= MIN_IMAGES:
                before = int((members < len(reference)).sum())
                base = _base_positions(textures[members], before)
                similarities[members], pairs = _similarity_to_earlier(textures[members], sizes[members], base, before)
                duplicate_of[members[pairs[:, 0]]] = members[pairs[:, 1]]
        halved = coarse_vectors(textures)
        earlier = np.tril(halved @ halved.T, -1)
        same = earlier.max(1) > _IDENTICAL_CORRELATION
        similarities[same], duplicate_of[same] = 1.0, earlier.argmax(1)[same]
    matches = zip(similarities[len(reference) :], duplicate_of[len(reference) :], strict=True)
    return [BestMatch(float(similarity), int(at) if at >= 0 else None) for similarity, at in matches]


def similarities_on_arrival(known: Sequence[Fingerprint], arrivals: Sequence[Fingerprint]) -> list[float]:
    """Return each arrival's similarity to the parts before it, as the review queue computes it.

    The arrivals are compared in batches, with the latest earlier parts that are no near-duplicates.
    """
    seen, similarities = list(known), list[float]()
    for start in range(0, len(arrivals), BATCH_SIZE):
        new = arrivals[start : start + BATCH_SIZE]
        matches = best_earlier_match(seen[-MAX_EARLIER_PARTS:], new)
        seen += [image for image, match in zip(new, matches, strict=True) if match.duplicate_of is None]
        similarities += [match.similarity for match in matches]
    return similarities


def _base_positions(textures: Textures, reference_count: int) -> NDArray[np.int64]:
    """Return the positions of the base for common content.

    The base is the reference images, which come first, or else the images farthest from each other.
    """
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
    """Return similarities to earlier images and pairs (later, earlier) of near-duplicates.

    Both are valid from position ``before`` on. The pairs ascend by similarity: the best match of an image is its last
    pair.
    """
    own = subtract_common(textures, *common_components(textures[base]))
    halved = coarse_vectors(own)
    coarse = halved @ halved.T
    best = np.clip(np.tril(coarse, -1).max(1), 0.0, _MAX_OTHER_SIMILARITY).astype(np.float32)
    earlier = np.tril(same_size(sizes, sizes), -1) & (coarse > MIN_COARSE_SIMILARITY)
    earlier[:before] = False
    near = nearest_pairs(np.arange(len(coarse)), np.where(earlier, coarse, -2.0))
    distances = 1.0 - _backdrop(own, coarse, base, near)
    aligned = aligned_similarity(own, near)
    kept = (aligned > MIN_SIMILARITY) & (1.0 - aligned < MAX_DISTANCE_RATIO * distances)
    pairs = near[kept][np.argsort(aligned[kept], kind="stable")]
    best[pairs[:, 0]] = 1.0
    return best, pairs


def _backdrop(residuals: Textures, coarse: Floats, base: NDArray[np.int64], near: Pairs) -> Floats:
    """Return each pair's similarity to the backdrop: base images beyond the nearest ones.

    Backdrop images can't show the same part.
    """
    images, places = np.unique(near, return_inverse=True)
    to_base = coarse[:, base].copy()
    to_base[base, np.arange(len(base))] = -2.0
    rivals = base[backdrop_columns(to_base[images])]
    backdrop = aligned_similarity(residuals, pair_with(images, rivals)).reshape(rivals.shape).max(1)
    return np.asarray(backdrop[places.reshape(near.shape)].max(1), dtype=np.float32)
