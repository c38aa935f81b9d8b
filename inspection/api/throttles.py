"""Rate limit for each station, so that one faulty camera can't block the others."""

from __future__ import annotations

import math
from typing import Any

from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from inspection.api.authentication import request_station


class StationThrottle(SimpleRateThrottle):
    """Limit of STATION_RATE for each station and web process.

    Requests are counted in the process's memory, so intake depends on no service but the database and the disk.
    """

    scope = "station"

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        """Return the key of the station's counter; None for people, who are not limited."""
        station = request_station(request)
        return None if station is None else f"throttle-station-{station.pk}"

    def count_images(self, images: int) -> None:
        """Count more images of the request that was just allowed; they delay later requests only."""
        if self.key is not None:
            self.history[:0] = [self.now] * images
            self.cache.set(self.key, self.history, self.duration)  # type: ignore[attr-defined]

    def wait(self) -> float | None:
        """Return whole seconds, at least 1, because Retry-After allows no fractions."""
        left = super().wait()
        return None if left is None else float(max(1, math.ceil(left)))
