"""Pool of drawn images to distill on, drawn once and stored as one array file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mltasks.vision import drawing
from mltasks.vision.drawing.scenes import draw_picture

ImagePool = NDArray[np.uint8]
_CHUNK = 16
_REPORT_EVERY = 100


def drawing_sha256() -> str:
    """Return the sha256 of the drawing code, which keys the pools."""
    digest = hashlib.sha256()
    for source in sorted(Path(drawing.__path__[0]).glob("*.py")):
        digest.update(source.name.encode() + source.read_bytes())
    return digest.hexdigest()


def pool_sha256(pool: ImagePool) -> str:
    """Return the sha256 of all pixels, in order."""
    digest = hashlib.sha256()
    for picture in pool:
        digest.update(np.ascontiguousarray(picture).data)
    return digest.hexdigest()


def load_pool(
    cache: Path, seed: int, count: int, side: int, workers: int, report: Callable[[str], None] = print
) -> ImagePool:
    """Return ``count`` RGB images as uint8 (count, side, side, 3); draw them if not cached.

    The images depend on seed, side and the drawing code, not on ``workers``. A smaller count gives a prefix of the
    same images. With 0 workers they are drawn in this process, which leaves no orphans when it is killed.
    """
    path = cache / f"pool-{drawing_sha256()[:12]}-{seed}-{count}-{side}.npy"
    if not path.is_file():
        _draw_pool(path, seed, count, side, workers, report)
    pool: ImagePool = np.load(path, mmap_mode="r", allow_pickle=False)
    return pool


@contextmanager
def _mapper(workers: int) -> Iterator[Callable[..., Iterable[ImagePool]]]:
    if not workers:
        yield map
        return
    # Spawned, not forked: the parent may already run torch's threads.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as processes:
        yield partial(processes.map, chunksize=_CHUNK)


def _draw_pool(path: Path, seed: int, count: int, side: int, workers: int, report: Callable[[str], None]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    pictures = np.lib.format.open_memmap(unfinished, mode="w+", dtype=np.uint8, shape=(count, side, side, 3))
    draw = partial(draw_picture, seed, side=side)
    with _mapper(workers) as mapped:
        for index, picture in enumerate(mapped(draw, range(count))):
            pictures[index] = picture
            if (index + 1) % _REPORT_EVERY == 0 or index + 1 == count:
                report(f"drew {index + 1} of {count} images")
    pictures.flush()
    unfinished.replace(path)
