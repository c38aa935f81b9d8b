"""A limit on what one station sends, so that a camera gone wild can't take the line's answers from the others."""

from __future__ import annotations

import math
from typing import Any

from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from inspection.api.authentication import request_station


class StationThrottle(SimpleRateThrottle):
    """STATION_RATE for each station and web process.

    Counted in the process's own memory: intake needs the database and the disk, and no further service that may fail.
    """

    scope = "station"

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        """One count a station; people are not counted."""
        station = request_station(request)
        return None if station is None else f"throttle-station-{station.pk}"

    def count_images(self, images: int) -> None:
        """Count so many more images of the request that was just allowed: they are taken, and the next ones wait."""
        if self.key is not None:
            self.history[:0] = [self.now] * images
            self.cache.set(self.key, self.history, self.duration)  # type: ignore[attr-defined]

    def wait(self) -> float | None:
        """Whole seconds, at least one: Retry-After knows no fractions."""
        left = super().wait()
        return None if left is None else float(max(1, math.ceil(left)))
