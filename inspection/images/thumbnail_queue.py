"""Thumbnails from what intake has decoded, drawn behind the answer: no camera waits for one.

A thumbnail that is not drawn here, because others wait or the process ends, is drawn when somebody looks.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait

from inspection.images import image_files
from mltasks.refusals import Refusal
from mltasks.vision.data.decoding import LoadedImage

logger = logging.getLogger(__name__)
# Each holds a decoded image.
MAX_PENDING = 4


class ThumbnailQueue:
    """One thread, at most ``max_pending`` images in line."""

    def __init__(self, max_pending: int = MAX_PENDING) -> None:
        self._max_pending = max_pending
        self._lock = threading.Lock()
        self._executor: ThreadPoolExecutor | None = None
        self._pending: set[Future[None]] = set()

    def submit(self, sha256: str, loaded: LoadedImage, bit_depth: int | None = None) -> None:
        """Draw the image's thumbnail for that bit depth in a while, or leave it where too many wait."""
        with self._lock:
            if len(self._pending) >= self._max_pending:
                return
            # Made late: a thread does not survive a fork.
            self._executor = self._executor or ThreadPoolExecutor(1, thread_name_prefix="thumbnails")
            drawn = self._executor.submit(_draw_thumbnail, sha256, loaded, bit_depth)
            self._pending.add(drawn)
        drawn.add_done_callback(self._forget)

    def drain(self, seconds: float = 10.0) -> None:
        """Wait for what is in line."""
        with self._lock:
            line = set(self._pending)
        wait(line, timeout=seconds)

    def _forget(self, drawn: Future[None]) -> None:
        with self._lock:
            self._pending.discard(drawn)


def _draw_thumbnail(sha256: str, loaded: LoadedImage, bit_depth: int | None) -> None:
    try:
        image_files.store_thumbnail(sha256, loaded.thumbnail(), bit_depth)
    except (Refusal, OSError):
        logger.warning("The thumbnail of %s is drawn when somebody looks.", sha256[:12], exc_info=True)


background_thumbnails = ThumbnailQueue()
