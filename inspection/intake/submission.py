"""Submission: one image with its metadata, as received."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, BinaryIO

from django.contrib.auth.models import User

from inspection.models import Product, Station


@dataclass(frozen=True, slots=True)
class Submission:
    """Image of a part with its metadata, before it becomes a row.

    ``arrived`` is the request's ``time.perf_counter``; ``waited`` says that it waited for its admission. ``filename``
    is stored shortened, without NUL characters.
    """

    image: BinaryIO
    product: Product
    station: Station | None = None
    uploaded_by: User | None = None
    filename: str = ""
    part_id: str = ""
    captured_at: datetime | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    idempotency_key: str = ""
    arrived: float = field(default_factory=time.perf_counter)
    waited: bool = False

    @property
    def roi(self) -> str:
        """Return the station's region of interest as stored; empty without a station."""
        return self.station.roi if self.station else ""

    def request_sha256(self, image_sha256: str) -> str:
        """Return one hash of everything that the sender chose; equal requests have equal hashes."""
        captured = self.captured_at and self.captured_at.astimezone(UTC).isoformat()
        body = [image_sha256, self.part_id, captured, dict(self.metadata)]
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
