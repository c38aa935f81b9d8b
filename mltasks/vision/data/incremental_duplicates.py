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

from mltasks.vision.data.duplicate_groups import SIDE, Fingerprint
from mltasks.vision.data.duplicate_pairs import (
    COARSE_LIKENESS,
    CONTRAST,
    LIKENESS,
    MIN_IMAGES,
    NEIGHBOURS,
    RIVALS,
    Floats,
    Pairs,
    Textures,
    aligned_likeness,
    apart_from,
    coarse,
    populations,
    same_size,
    shared_look,
)

# Steps of a packed texture, whose values lie between about -3 and 3; a finer one finds the same pairs.
_STEP = 1 / 40
# So many known parts tell by themselves what is common. Before, the base is this share of all.
_ENOUGH, _BASE_SHARE = 24, 0.5
# Correlation of whole textures from which they are one picture, perhaps compressed again. Not less: smooth parts in a
# stiff fixture correlate as well as that, and are different parts.
_ONE_PICTURE = 0.9995
# A repeat's likeness is 1, and no other's is.
_NO_REPEAT = 0.99


def pack(texture: NDArray[np.float16]) -> bytes:
    """A fingerprint's texture in 4 kilobytes."""
    return np.clip(np.round(texture.astype(np.float32) / _STEP), -127, 127).astype(np.int8).tobytes()


def unpack(packed: bytes) -> NDArray[np.float16]:
    """The texture again. Raises ValueError for bytes of another length."""
    steps = np.frombuffer(packed, dtype=np.int8).reshape(SIDE, SIDE)
    return (steps * np.float32(_STEP)).astype(np.float16)


@dataclass(frozen=True, slots=True)
class Likest:
    """How like an image is to the likest one before it, in [0, 1]: 1 for a near-duplicate, and then of which."""

    likeness: float
    repeats: int | None  # its position among the known and then the new


def likest_earlier(known: Sequence[Fingerprint], new: Sequence[Fingerprint]) -> list[Likest]:
    """How like each new image is to the known and the earlier new ones.

    ``known`` should hold no near-duplicates. Where fewer than eight images were taken in one fixture, what they have in
    common is not known, and only the very same picture is like another.
    """
    every = [*known, *new]
    found = np.zeros(len(every), dtype=np.float32)
    repeated = np.full(len(every), -1)
    if new:
        textures = np.stack([one.texture for one in every])
        sizes = np.array([(one.width, one.height) for one in every])
        for members in populations(textures):
            if len(members) >= MIN_IMAGES:
                before = int((members < len(known)).sum())
                base = _base(textures[members], before)
                found[members], pairs = _to_earlier(textures[members], sizes[members], base, before)
                repeated[members[pairs[:, 0]]] = members[pairs[:, 1]]
        halved = coarse(textures)
        earlier = np.tril(halved @ halved.T, -1)
        same = earlier.max(1) > _ONE_PICTURE
        found[same], repeated[same] = 1.0, earlier.argmax(1)[same]
    told = zip(found[len(known) :], repeated[len(known) :], strict=True)
    return [Likest(float(likeness), int(one) if one >= 0 else None) for likeness, one in told]


def _base(textures: Textures, known: int) -> NDArray[np.int64]:
    """Positions that tell what is common: the known ones, which come first, or else those farthest from each other."""
    if known >= _ENOUGH:
        return np.arange(known)
    halved = coarse(textures)
    chosen = [0]
    nearest = halved @ halved[0]
    while len(chosen) < max(MIN_IMAGES, round(len(textures) * _BASE_SHARE)):
        chosen.append(int(nearest.argmin()))
        nearest = np.maximum(nearest, halved @ halved[chosen[-1]])
    return np.array(sorted(chosen))


def _to_earlier(
    textures: Textures, sizes: NDArray[np.int64], base: NDArray[np.int64], before: int
) -> tuple[Floats, Pairs]:
    """The likeness of all, of which that from position ``before`` on is meant, and pairs (later, earlier) of repeats
    from there on, the likest of each last."""
    own = apart_from(textures, *shared_look(textures[base]))
    halved = coarse(own)
    likeness = halved @ halved.T
    found = np.clip(np.tril(likeness, -1).max(1), 0.0, _NO_REPEAT).astype(np.float32)
    earlier = np.tril(same_size(sizes, sizes), -1) & (likeness > COARSE_LIKENESS)
    earlier[:before] = False
    near = _nearest(np.where(earlier, likeness, -2.0))
    room = 1.0 - _backdrop(own, likeness, base, near)
    alike = aligned_likeness(own, near)
    kept = (alike > LIKENESS) & (1.0 - alike < CONTRAST * room)
    pairs = near[kept][np.argsort(alike[kept], kind="stable")]
    found[pairs[:, 0]] = 1.0
    return found, pairs


def _nearest(likeness: NDArray[Any]) -> Pairs:
    """Pairs (later, earlier) of each image with its nearest earlier ones, as far as there are."""
    kept = min(NEIGHBOURS, likeness.shape[1] - 1)
    others = np.argpartition(-likeness, kept, axis=1)[:, :kept]
    pairs = np.stack([np.repeat(np.arange(len(likeness)), kept), others.ravel()], axis=1)
    return np.asarray(pairs[likeness[pairs[:, 0], pairs[:, 1]] > COARSE_LIKENESS], dtype=np.int64)


def _backdrop(own: Textures, likeness: Floats, base: NDArray[np.int64], near: Pairs) -> Floats:
    """How like the images of each pair are to images of the base that can't show the same part: beyond the nearest."""
    asked, places = np.unique(near, return_inverse=True)
    to_base = likeness[:, base].copy()
    to_base[base, np.arange(len(base))] = -2.0
    # Some of the base may be repeats that nobody recognised.
    rank = min(5 + len(base) // 20, len(base) - 1 - RIVALS)
    ranks = list(range(rank, rank + RIVALS))
    rivals = np.argpartition(-to_base[asked], ranks, axis=1)[:, rank : rank + RIVALS]
    pairs = np.stack([np.repeat(asked, RIVALS), base[rivals].ravel()], axis=1)
    found = aligned_likeness(own, pairs).reshape(len(asked), RIVALS).max(1)
    return np.asarray(found[places.reshape(near.shape)].max(1), dtype=np.float32)
