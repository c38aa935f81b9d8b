"""Storage of images and model files: this machine's disk, or a bucket that machines share.

With MEDIA_STORE=local a name is a path below MEDIA_ROOT or VERSIONS_DIR, and nothing here touches the disk. With s3 the
bucket is authoritative, and a machine fetches what it needs: images into a cache, versions and backbones for good.
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

# Pauses in seconds between tries, four minutes in all, for work that takes an hour and renews its lease meanwhile.
RETRY_PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 60.0, 60.0)
MAX_PARALLEL_FETCHES = 8


def is_shared() -> bool:
    """Return True if a bucket holds the files for several machines."""
    return bool(settings.MEDIA_STORE == "s3")


def root() -> Path:
    """Return the folder below which images and thumbnails lie on this machine."""
    return file_cache.root() if is_shared() else Path(settings.MEDIA_ROOT)


def draft_dir() -> Path:
    """Return the folder for unfinished files below the root."""
    return root() / file_cache.DRAFT_FOLDER


def image_bucket() -> Bucket:
    """Return the bucket of images, by the names in rows. Only for a shared store."""
    return cast("Bucket", storages["media"])


def version_bucket() -> Bucket:
    """Return the bucket of versions and backbones, by their names below VERSIONS_DIR.

    Only for a shared store.
    """
    return cast("Bucket", storages["versions"])


def version_scratch_folder() -> AbstractContextManager[Path]:
    """Return a scratch folder beside the versions, which exists until the block ends.

    Complete files there can be renamed to their places.
    """
    return scratch_folder(Path(settings.VERSIONS_DIR) / ".fetching")


def local_path(name: str, sha256: str) -> Path:
    """Return the path of a stored image on this machine; fetch it if a bucket has it.

    Open the file soon: the cache may evict it. Raises FileNotFoundError if the bucket has no such undamaged image, and
    StoreUnreachable.
    """
    if not is_shared():
        return Path(settings.MEDIA_ROOT) / name
    return file_cache.get(name, sha256, partial(image_bucket().read, name))


@contextmanager
def local_images(files: Iterable[tuple[str, str]], pauses: Sequence[float] = ()) -> Iterator[Path]:
    """Yield the folder below which all these images lie until the block ends.

    ``files`` are names and sha256. Each fetched image is verified by its hash and stays even if the cache evicts it. A
    missing or damaged image is left out, so that its path does not exist. Raises StoreUnreachable after the tries that
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
    """Call ``step``, and again after each pause while the store is unreachable.

    The default of ``pauses`` is ``RETRY_PAUSES``. Raises StoreUnreachable after the last try.
    """
    for pause in RETRY_PAUSES if pauses is None else pauses:
        try:
            return step()
        except StoreUnreachable as error:
            logger.warning("%s Trying again in %.0f s.", error, pause)
            time.sleep(pause)
    return step()


def publish(name: str, path: Path, pauses: Sequence[float] | None = None) -> None:
    """Put a file into the shared versions, if there are any, checked by its sha256.

    Call it before a row names the file. Raises StoreUnreachable as ``retry_while_unreachable`` does.
    """
    if not is_shared():
        return
    sha256 = file_sha256(path)
    with path.open("rb") as file:
        retry_while_unreachable(lambda: version_bucket().put(name, file, sha256), pauses)


def unpublish(name: str) -> None:
    """Remove a published file that got no row from the shared versions.

    If the store is unreachable, the file stays there and only costs space.
    """
    if not is_shared():
        return
    try:
        version_bucket().remove(name)
    except StoreUnreachable as error:
        logger.warning("%s stays in the store, although no row names it: %s", name, error)


def _pin(folder: Path, name: str, sha256: str) -> None:
    """Hard-link the cached file into the folder, so that an eviction does not remove it."""
    try:
        path = file_cache.get(name, sha256, partial(image_bucket().read, name), verify=True)
    except FileNotFoundError as error:
        logger.warning("%s", error)
        return
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    os.link(path, folder / name)
