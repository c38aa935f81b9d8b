"""Queue that draws thumbnails from intake's decoded images after the answer was sent.

A thumbnail that is not drawn here, because the queue is full or the process ends, is drawn on demand.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait

from inspection.images import image_files
from mltasks.refusals import Refusal
from mltasks.vision.data.decoding import LoadedImage

logger = logging.getLogger(__name__)
# Each pending task holds a decoded image in memory.
MAX_PENDING = 4


class ThumbnailQueue:
    """Queue of one thread and at most ``max_pending`` images."""

    def __init__(self, max_pending: int = MAX_PENDING) -> None:
        self._max_pending = max_pending
        self._lock = threading.Lock()
        self._executor: ThreadPoolExecutor | None = None
        self._pending: set[Future[None]] = set()

    def submit(self, sha256: str, loaded: LoadedImage, bit_depth: int | None = None) -> None:
        """Queue the thumbnail for this bit depth, unless the queue is full."""
        with self._lock:
            if len(self._pending) >= self._max_pending:
                return
            # Created on first use: a thread does not survive a fork.
            self._executor = self._executor or ThreadPoolExecutor(1, thread_name_prefix="thumbnails")
            drawn = self._executor.submit(_draw_thumbnail, sha256, loaded, bit_depth)
            self._pending.add(drawn)
        drawn.add_done_callback(self._forget)

    def drain(self, seconds: float = 10.0) -> None:
        """Wait for the queued thumbnails, at most ``seconds``."""
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
        logger.warning("Could not store the thumbnail of %s. It is drawn on request.", sha256[:12], exc_info=True)


background_thumbnails = ThumbnailQueue()
