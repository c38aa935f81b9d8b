"""Submission: one image with its metadata, as it was received."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO


@dataclass(frozen=True, slots=True)
class Upload:
    """One image as it was sent."""

    image: BinaryIO
    title: str
    part_id: str
    captured_at: datetime | None
    metadata: Mapping[str, Any]
    idempotency_key: str | None
