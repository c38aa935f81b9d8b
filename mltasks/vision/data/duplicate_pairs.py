"""Detection of near-duplicate pairs in a population of textures.

1. Subtract what all images share: the mean image, its small movements (tangents, after Simard et al., 1993), and in a
   large population the leading components.
2. Find neighbors coarsely and compare them again under small shifts.
3. Keep pairs that are much nearer than the next similar images (ratio test of Lowe, 2004).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Textures = NDArray[np.float16]
Floats = NDArray[np.float32]
Pairs = NDArray[np.int64]

# Size difference of a part's crop between two shots: pixels, or a share of the side
SIZE_TOLERANCE_PIXELS, SIZE_TOLERANCE_SHARE = 12, 0.10
# Correlation of the residual textures at the best shift, and the distance to 1 relative to the backdrop's distance.
# From 0.7 on, different plates of one fixture begin to merge; 0.6 misses a tenth more of the duplicates.
MIN_SIMILARITY, MAX_DISTANCE_RATIO = 0.35, 0.64
# Nearest images by halved textures that are compared again; least coarse similarity; rivals per image; shifts in pixels
# (5 %)
MAX_NEIGHBORS, MIN_COARSE_SIMILARITY, BACKDROP_IMAGES, MAX_SHIFT = 8, 0.15, 2, 3
# Light and pose are few components. In a small population each part is a component itself, so fewer are removed.
MAX_COMPONENTS, IMAGES_PER_COMPONENT, COMPONENT_SAMPLE = 8, 25, 800
# Correlation of whole images with their station's mean: 0.64 and more in two fixtures, half of that among tiles
FIXTURE_CORRELATION, MIN_FIXTURE_IMAGES, MAX_LEADERS = 0.6, 30, 1000
MIN_IMAGES = 8
_BLOCK = 256


def near_duplicate_pairs(textures: Textures, sizes: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return positions (lower, higher) of near-duplicates among textures ``[n, side, side]``.

    ``sizes`` is ``[n, 2]`` in pixels.
    """
    pairs: list[tuple[int, int]] = []
    for members in fixture_populations(textures):
        # Fewer images don't separate common content from their own.
        if len(members) >= MIN_IMAGES:
            near = members[_pairs_in_population(textures[members], sizes[members])]
            pairs += [(int(first), int(second)) for first, second in near]
    return pairs


def fixture_populations(textures: Textures) -> list[NDArray[np.int64]]:
    """Divide positions by fixture, into groups of 30 images or more and one group of the rest.

    Common content differs between stations. Without the division, images of a rare fixture would look like many shots
    of one part.
    """
    halved = coarse_vectors(textures)
    free = np.ones(len(halved), dtype=bool)
    populations = []
    for leader in range(0, len(halved), -(-len(halved) // MAX_LEADERS)):
        members = free & (halved @ halved[leader] > FIXTURE_CORRELATION)
        if free[leader] and members.any():
            members = free & (halved @ _unit_rows(halved[members].mean(0)[None])[0] > FIXTURE_CORRELATION)
            if members.sum() >= MIN_FIXTURE_IMAGES:
                populations.append(np.flatnonzero(members))
                free &= ~members
    return [*populations, np.flatnonzero(free)]


def _pairs_in_population(textures: Textures, sizes: NDArray[np.int64]) -> Pairs:
    own = subtract_common(textures, *common_components(textures))
    near, rivals = _candidate_pairs(coarse_vectors(own), sizes)
    similarities = aligned_similarity(own, near)
    backdrop = aligned_similarity(own, rivals).reshape(len(own), -1).max(1)
    distances = 1 - np.maximum(backdrop[near[:, 0]], backdrop[near[:, 1]])
    duplicates: Pairs = near[(similarities > MIN_SIMILARITY) & (1 - similarities < MAX_DISTANCE_RATIO * distances)]
    return duplicates


def common_components(textures: Textures) -> tuple[Floats, Floats]:
    """Return the common content: the mean image and an orthonormal basis of the variation."""
    count, side, _ = textures.shape
    mean = textures.mean(0, dtype=np.float32)
    shared = _tangents(mean)
    sample = textures[:: -(-count // COMPONENT_SAMPLE)].reshape(-1, side * side).astype(np.float32)
    rest = _project_out(sample - mean.ravel(), shared)
    components = min(MAX_COMPONENTS, round(count / IMAGES_PER_COMPONENT))
    if components:
        _, vectors = np.linalg.eigh(rest @ rest.T)
        leading, _ = np.linalg.qr(rest.T @ vectors[:, -components:])
        shared = np.concatenate([shared, leading], axis=1)
    return mean, shared


def subtract_common(textures: Textures, mean: Floats, components: Floats) -> Textures:
    """Subtract mean and components from each texture; the shape stays."""
    own = np.empty_like(textures)
    for rows in _blocks(len(textures)):
        flat = textures[rows].reshape(-1, mean.size).astype(np.float32) - mean.ravel()
        own[rows] = _project_out(flat, components).reshape(-1, *mean.shape)
    return own


def aligned_similarity(residuals: Textures, pairs: Pairs) -> Floats:
    """Return each pair's correlation in [-1, 1] at the best shift of up to three pixels."""
    best = np.full(len(pairs), -1, dtype=np.float32)
    inner = slice(MAX_SHIFT, residuals.shape[1] - MAX_SHIFT)
    for rows in _blocks(len(pairs)):
        fixed = _unit_rows(residuals[pairs[rows, 0], inner, inner])
        moved = residuals[pairs[rows, 1]].astype(np.float32)
        for window in _windows(residuals.shape[1]):
            np.maximum(best[rows], np.einsum("ij,ij->i", fixed, _unit_rows(moved[:, *window])), out=best[rows])
    return best


def coarse_vectors(textures: Textures) -> Floats:
    """Halve textures by averaging and return unit vectors ``[n, side² / 4]``."""
    count, side, _ = textures.shape
    vectors = np.empty((count, side * side // 4), dtype=np.float32)
    for rows in _blocks(count):
        halves = textures[rows].astype(np.float32).reshape(-1, side // 2, 2, side // 2, 2)
        vectors[rows] = _unit_rows(halves.mean((2, 4)))
    return vectors


def _candidate_pairs(halved: Floats, sizes: NDArray[np.int64]) -> tuple[Pairs, Pairs]:
    """Return candidate pairs (lower, higher) and backdrop pairs.

    Each image has ``BACKDROP_IMAGES`` backdrop pairs, with images beyond any likely group.
    """
    near: list[Pairs] = []
    rivals: list[Pairs] = []
    for rows in _blocks(len(halved)):
        similarities = halved[rows] @ halved.T
        at = np.arange(len(halved))[rows]
        similarities[np.arange(len(at)), at] = -2
        rivals.append(pair_with(at, backdrop_columns(similarities)))
        similarities[~same_size(sizes[rows], sizes)] = -2
        near.append(nearest_pairs(at, similarities))
    return np.unique(np.sort(np.concatenate(near), axis=1), axis=0), np.concatenate(rivals)


def backdrop_columns(similarities: Floats) -> NDArray[np.int64]:
    """Return ``[n, BACKDROP_IMAGES]``: each row's columns ranked beyond any likely group of duplicates."""
    # The rank grows with the number of images, because the images may contain undetected duplicates.
    count = similarities.shape[1]
    rank = min(5 + count // 20, count - 1 - BACKDROP_IMAGES)
    ranks = list(range(rank, rank + BACKDROP_IMAGES))
    return np.argpartition(-similarities, ranks, axis=1)[:, rank : rank + BACKDROP_IMAGES]


def nearest_pairs(at: NDArray[np.int64], similarities: NDArray[np.floating]) -> Pairs:
    """Return pairs of the images ``at``, one per row, with their nearest columns."""
    kept = min(MAX_NEIGHBORS, similarities.shape[1] - 1)
    nearest = np.argpartition(-similarities, kept, axis=1)[:, :kept]
    near = np.take_along_axis(similarities, nearest, axis=1) > MIN_COARSE_SIMILARITY
    return pair_with(at, nearest)[near.ravel()]


def pair_with(at: NDArray[np.int64], others: NDArray[np.int64]) -> Pairs:
    """Return pairs ``[n × m, 2]`` of each position in ``at`` with its row of ``others`` ``[n, m]``."""
    return np.stack([np.repeat(at, others.shape[1]), others.ravel()], axis=1)


def same_size(first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return ``[n, m]``: True if images of ``[n, 2]`` and ``[m, 2]`` pixels may show one part."""
    close = np.ones((len(first), len(second)), dtype=bool)
    for left, right in zip(first.T.astype(np.float32), second.T.astype(np.float32), strict=True):
        allowed = np.maximum(SIZE_TOLERANCE_PIXELS, SIZE_TOLERANCE_SHARE * np.maximum(left[:, None], right))
        close &= np.abs(left[:, None] - right) <= allowed
    return close


def _tangents(mean: Floats) -> Floats:
    """Return an orthonormal basis ``[side², 11]`` of the mean image and its small movements.

    Movements to second order: translation, rotation, stretch and shear.
    """
    middle = (len(mean) - 1) / 2
    down, across = np.indices(mean.shape, dtype=np.float32) - middle
    dy, dx = np.gradient(mean)
    dyy, dyx = np.gradient(dy)
    dxx = np.gradient(dx, axis=1)
    movements = [np.ones_like(mean), mean, dx, dy, across * dx, down * dx, across * dy, down * dy, dxx, dyx, dyy]
    basis, _ = np.linalg.qr(np.stack([movement.ravel() for movement in movements], axis=1))
    return np.asarray(basis, dtype=np.float32)


def _project_out(flat: Floats, components: Floats) -> Floats:
    return np.asarray(flat - (flat @ components) @ components.T, dtype=np.float32)


def _windows(side: int) -> Iterator[tuple[slice, slice]]:
    inner = side - 2 * MAX_SHIFT
    for top in range(2 * MAX_SHIFT + 1):
        for left in range(2 * MAX_SHIFT + 1):
            yield slice(top, top + inner), slice(left, left + inner)


def _unit_rows(images: NDArray[np.floating]) -> Floats:
    """Return images ``[n, h, w]`` as rows of mean 0 and length 1; zeros without contrast."""
    rows = images.reshape(len(images), -1).astype(np.float32)
    rows -= rows.mean(1, keepdims=True)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6), dtype=np.float32)


def _blocks(count: int) -> Iterator[slice]:
    return (slice(start, min(start + _BLOCK, count)) for start in range(0, count, _BLOCK))
