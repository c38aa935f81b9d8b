"""Thumbnails from what intake has decoded, drawn behind the answer: no camera waits for one.

A thumbnail that is not drawn here, because others wait or the process ends, is drawn when somebody looks.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait

from inspection.images import image_files
from mltasks.refusals import Refusal
from mltasks.vision.data.decoding import Loaded

logger = logging.getLogger(__name__)
# Each holds a decoded image.
WAITING = 4


class Painter:
    """One thread, at most ``waiting`` images in line."""

    def __init__(self, waiting: int = WAITING) -> None:
        self._waiting = waiting
        self._lock = threading.Lock()
        self._thread: ThreadPoolExecutor | None = None
        self._line: set[Future[None]] = set()

    def draw_soon(self, sha256: str, loaded: Loaded, bit_depth: int | None = None) -> None:
        """Draw the image's thumbnail for that bit depth in a while, or leave it where too many wait."""
        with self._lock:
            if len(self._line) >= self._waiting:
                return
            # Made late: a thread does not survive a fork.
            self._thread = self._thread or ThreadPoolExecutor(1, thread_name_prefix="thumbnails")
            drawn = self._thread.submit(_draw, sha256, loaded, bit_depth)
            self._line.add(drawn)
        drawn.add_done_callback(self._forget)

    def finish(self, seconds: float = 10.0) -> None:
        """Wait for what is in line."""
        with self._lock:
            line = set(self._line)
        wait(line, timeout=seconds)

    def _forget(self, drawn: Future[None]) -> None:
        with self._lock:
            self._line.discard(drawn)


def _draw(sha256: str, loaded: Loaded, bit_depth: int | None) -> None:
    try:
        image_files.store_thumbnail(sha256, loaded.thumbnail(), bit_depth)
    except (Refusal, OSError):
        logger.warning("The thumbnail of %s is drawn when somebody looks.", sha256[:12], exc_info=True)


painter = Painter()
