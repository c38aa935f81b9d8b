"""Stored images and model files, wherever they are kept: on this machine's disk, or in a bucket that machines share.

With MEDIA_STORE=local a name is a path below MEDIA_ROOT or VERSIONS_DIR and nothing here touches the disk. With s3 the
bucket has the truth, and a machine fetches what it needs: images into a cache, versions and backbones for good.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from django.conf import settings
from django.core.files.storage import storages

from mltasks.storage import file_cache
from mltasks.storage.scratch_folders import scratch_folder
from mltasks.storage.store_errors import StoreUnreachable
from mltasks.vision.serving.bundle import file_sha256

if TYPE_CHECKING:  # imports boto
    from mltasks.storage.s3_bucket import Bucket

logger = logging.getLogger(__name__)
T = TypeVar("T")

# Seconds between the tries of work that took an hour, or will: four minutes in all, while its heart beats.
RETRY_PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 60.0, 60.0)
MAX_PARALLEL_FETCHES = 8


def is_shared() -> bool:
    """Whether a bucket keeps the files, for this machine and others."""
    return bool(settings.MEDIA_STORE == "s3")


def root() -> Path:
    """The folder below which images have their names on this machine, and thumbnails theirs."""
    return file_cache.root() if is_shared() else Path(settings.MEDIA_ROOT)


def draft_dir() -> Path:
    """Where files below the root lie while they are written."""
    return root() / file_cache.DRAFT_FOLDER


def image_bucket() -> Bucket:
    """The bucket's images, by the names that rows have. Only where the store is shared."""
    return cast("Bucket", storages["media"])


def version_bucket() -> Bucket:
    """The bucket's versions and backbones, by their names below VERSIONS_DIR. Only where the store is shared."""
    return cast("Bucket", storages["versions"])


def version_scratch_folder() -> AbstractContextManager[Path]:
    """A folder beside the versions, until the block ends: what is whole there can be renamed into its place."""
    return scratch_folder(Path(settings.VERSIONS_DIR) / ".fetching")


def local_path(name: str, sha256: str) -> Path:
    """Where a stored image lies on this machine, fetched first where a bucket has it: open it soon.

    Raises FileNotFoundError when the bucket has no such image, whole; and StoreAway.
    """
    if not is_shared():
        return Path(settings.MEDIA_ROOT) / name
    return file_cache.get(name, sha256, partial(image_bucket().read, name))


@contextmanager
def local_images(files: Iterable[tuple[str, str]], pauses: Sequence[float] = ()) -> Iterator[Path]:
    """The folder below which all these images, by name and sha256, lie by their names until the block ends.

    Fetched ones are read once to see that they are what was stored, and stay whatever the cache removes meanwhile. One
    that is missing or damaged is left out: whoever reads it finds no file. Raises StoreAway after the tries that
    ``pauses`` allows.
    """
    if not is_shared():
        yield Path(settings.MEDIA_ROOT)
        return
    with scratch_folder(file_cache.root() / file_cache.PINNED_FOLDER) as folder:
        pool = ThreadPoolExecutor(MAX_PARALLEL_FETCHES)
        try:
            for _ in pool.map(
                lambda file: retry_while_unreachable(partial(_pin, folder, *file), pauses), dict(files).items()
            ):
                pass
        finally:
            pool.shutdown(cancel_futures=True)
        yield folder


def retry_while_unreachable(step: Callable[[], T], pauses: Sequence[float] | None = None) -> T:
    """Take a step, again after each pause while the store is away, by default ``RETRY_PAUSES``. Raises StoreAway
    after the
    last."""
    for pause in RETRY_PAUSES if pauses is None else pauses:
        try:
            return step()
        except StoreUnreachable as error:
            logger.warning("%s Trying again in %.0f s.", error, pause)
            time.sleep(pause)
    return step()


def publish(name: str, path: Path, patience: Sequence[float] | None = None) -> None:
    """Put a file into the shared versions, checked by its sha256. Raises StoreAway as ``retry_while_unreachable``."""
    sha256 = file_sha256(path)
    with path.open("rb") as file:
        retry_while_unreachable(lambda: version_bucket().put(name, file, sha256), patience)


def unpublish(name: str) -> None:
    """Remove from the shared versions what was published and got no row. A store that is away keeps it, which costs
    its room and no more."""
    if not is_shared():
        return
    try:
        version_bucket().remove(name)
    except StoreUnreachable as error:
        logger.warning("%s stays in the store, and nothing names it: %s", name, error)


def _pin(folder: Path, name: str, sha256: str) -> None:
    """A second name for the cached file: removing the first one leaves it."""
    try:
        path = file_cache.get(name, sha256, partial(image_bucket().read, name), verify=True)
    except FileNotFoundError as error:
        logger.warning("%s", error)
        return
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    os.link(path, folder / name)
