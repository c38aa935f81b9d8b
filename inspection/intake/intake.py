"""Image in, verdict out: checked, stored durably, recorded, and only then scored."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, BinaryIO

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from inspection.images import image_files, image_locks, thumbnail_queue
from inspection.models import Inspection, Product, Station
from inspection.products.station_bit_depths import StationBitDepth, product_bit_depth
from inspection.refusals import FileTooLarge, IdempotencyMismatch, InProgress
from inspection.scoring import scoring, scoring_lease
from inspection.scoring.request_timing import DATABASE, DECODE, STORE, step
from mltasks.vision.data import decoding
from mltasks.vision.data.bit_depths import SettleBitDepth
from mltasks.vision.types import Roi

RETRY_AFTER = 1  # second: a score takes a fraction of one
TITLE_LENGTH = 200
# Pixels of a version's input: the step of its finest maps. What is thinner has no place in them.
LEAST_SEEN = 8


@dataclass(frozen=True, slots=True)
class _Part:
    """One image with all that its sender said, and the bits by which its values were read."""

    product: Product
    station: Station | None
    uploaded_by: User | None
    source: Inspection.Source
    part_id: str
    captured_at: datetime | None
    metadata: Mapping[str, Any]
    idempotency_key: str
    title: str
    bit_depth: int | None = None
    bit_depth_before: int | None = None

    @property
    def roi(self) -> str:
        return self.station.roi if self.station else ""

    def request_sha256(self, image_sha256: str) -> str:
        """One hash of everything that the sender chose, the same for the same body."""
        captured = self.captured_at and self.captured_at.astimezone(UTC).isoformat()
        body = [image_sha256, self.part_id, captured, dict(self.metadata)]
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def receive(
    image: BinaryIO,
    *,
    station: Station | None = None,
    product: Product | None = None,
    uploaded_by: User | None = None,
    source: Inspection.Source = Inspection.Source.STATION,
    part_id: str = "",
    captured_at: datetime | None = None,
    metadata: Mapping[str, Any] | None = None,
    idempotency_key: str | None = None,
    title: str = "",
    arrived: float | None = None,
    bit_depth: int = 0,
) -> Inspection:
    """Take one image of a part and return its inspection, decided.

    The file is on disk and the row committed before anything is scored: a crash after that leaves a pending row to the
    sweeper. Each call is an inspection of its own, unless the station sent this ``idempotency_key`` before: then the
    first one is returned. With source IMPORT nothing is scored, and the same bytes are one inspection of the product.
    ``arrived`` is the request's ``time.perf_counter``. Without a station the product is needed. ``bit_depth`` is that
    of an imported folder: its 16-bit images that state none are read by it, or by more where their values need more.

    Raises ImageError, and the refusals FileTooLarge, DiskFull, StoreUnavailable, IdempotencyMismatch and InProgress.
    """
    began = time.perf_counter() if arrived is None else arrived
    owner = station.product if station else product
    if owner is None:
        raise TypeError("An image belongs to a station or to a product.")
    key = (idempotency_key or "") if station else ""
    name = title.replace("\0", "")[:TITLE_LENGTH]
    source = Inspection.Source(source)
    part = _Part(owner, station, uploaded_by, source, part_id, captured_at, metadata or {}, key, name)
    _check_size(image)
    return _earlier(part, image) or _take(part, image, began, bit_depth)


def _take(part: _Part, image: BinaryIO, began: float, folder_depth: int) -> Inspection:
    imported = part.source == Inspection.Source.IMPORT
    champion = scoring.Champion(None, None) if imported else scoring.champion(part.product)
    roi = Roi.stored(part.roi)
    limits = decoding.Limits(max_pixels=settings.MAX_IMAGE_PIXELS, min_side=part.product.min_image_side)
    depth = _bit_depth(part, folder_depth)
    # Decoded once for all: that every byte is there, the thumbnail, and the pixels to score.
    with step(DECODE):
        size = champion.size or scoring.UNSCORED_SIZE
        loaded = decoding.load(image, roi=roi, size=size, limits=limits, bit_depth=depth)
    _check_seen(loaded, champion)
    if imported and loaded.damage:
        # A camera's part waits for a person; a label without one must not rest on a damaged file.
        raise decoding.ImageError("damaged_image", f"The file is damaged ({loaded.damage}). Export it again.")
    with step(STORE):
        stored = image_files.store(image, loaded.header.format)
    try:
        with step(DATABASE):
            before = depth.before if isinstance(depth, StationBitDepth) else None
            read = replace(part, bit_depth=loaded.bit_depth, bit_depth_before=before)
            inspection = _record(read, image, stored, loaded.header)
    except IntegrityError:
        # Of two requests at once with one key, or two imports of one file, the database took the other.
        first = _earlier(part, image)
        if first is None:
            raise
        return first
    if imported:
        if _sharp_enough(loaded):
            image_files.store_thumbnail_at_intake(stored.sha256, loaded.thumbnail(), loaded.bit_depth)
        return inspection
    if _sharp_enough(loaded):
        thumbnail_queue.painter.draw_soon(stored.sha256, loaded, loaded.bit_depth)
    return _answered(scoring.score(inspection, scoring.Frame(loaded, champion, began)))


def _check_seen(loaded: decoding.Loaded, champion: scoring.Champion) -> None:
    """Refuse an image of which the version would see a strip."""
    if champion.size is None:
        return
    seen = loaded.placement(champion.size)
    if min(seen.width, seen.height) < LEAST_SEEN:
        raise decoding.ImageError(
            "invalid_image",
            f"Version {champion.version and champion.version.number} would see {seen.width} × {seen.height} pixels of "
            f"the image; {LEAST_SEEN} on each side are needed. Send an image of the part's shape, or set the station's "
            "region of interest.",
        )


def _bit_depth(part: _Part, folder_depth: int) -> StationBitDepth | SettleBitDepth:
    if part.station:
        return StationBitDepth(part.station)
    if part.source == Inspection.Source.IMPORT:
        return lambda needed: max(needed, folder_depth)
    return product_bit_depth(part.product)


def _sharp_enough(loaded: decoding.Loaded) -> bool:
    """Whether a thumbnail of what was decoded is as good as one of the file. Else it is drawn when somebody looks."""
    return max(loaded.pixels.size) >= min(decoding.THUMBNAIL_SIDE, max(loaded.width, loaded.height))


def _record(part: _Part, image: BinaryIO, stored: image_files.StoredImage, header: decoding.ImageHeader) -> Inspection:
    imported = part.source == Inspection.Source.IMPORT
    state = {"state": Inspection.State.IMPORTED} if imported else scoring_lease.first_lease()
    # Durable: the row must be committed before it is scored. An import may commit it together with its label.
    with transaction.atomic(durable=not imported):
        image_locks.share(stored.sha256)
        if not image_files.holds(stored):
            # Removed a moment ago, with the last part that had the same bytes.
            image_files.store(image, header.format)
        inspection = Inspection.objects.create(
            product=part.product,
            station=part.station,
            uploaded_by=part.uploaded_by,
            source=part.source,
            part_id=part.part_id,
            captured_at=part.captured_at,
            metadata=dict(part.metadata),
            title=part.title,
            roi=part.roi,
            idempotency_key=part.idempotency_key,
            request_sha256=part.request_sha256(stored.sha256),
            image_name=stored.name,
            image_sha256=stored.sha256,
            image_bytes=stored.size,
            image_format=header.format,
            image_width=header.width,
            image_height=header.height,
            bit_depth=part.bit_depth,
            bit_depth_before=part.bit_depth_before,
            **state,
        )
    # The database computed it; read again when somebody asks.
    del inspection.lease_expires_at
    return inspection


def _earlier(part: _Part, image: BinaryIO) -> Inspection | None:
    """The inspection that this request made before, if it did."""
    known = Inspection.objects.select_related("product__registered_model", "station", "model_version")
    if part.source == Inspection.Source.IMPORT:
        sha256 = image_files.sha256_of(image)
        return known.filter(product=part.product, image_sha256=sha256, source=part.source).first()
    if not part.idempotency_key:
        return None
    with step(DATABASE):
        first = known.filter(station=part.station, idempotency_key=part.idempotency_key).first()
    if first is None:
        return None
    if first.request_sha256 != part.request_sha256(image_files.sha256_of(image)):
        raise IdempotencyMismatch("This idempotency key came with another image or other fields before.")
    if first.state == Inspection.State.PENDING:
        first = _answered(_resumed(first))
    first.replayed = True
    return first


def _resumed(inspection: Inspection) -> Inspection:
    """Score a part whose first request died, or return it as it is while another process scores it."""
    leased = scoring_lease.take_over(inspection)
    if leased is not None:
        return scoring.score(leased)
    inspection.refresh_from_db()
    return inspection


def _answered(inspection: Inspection) -> Inspection:
    if inspection.state == Inspection.State.PENDING:
        raise InProgress("The image is stored and is being scored. Ask again soon.", retry_after=RETRY_AFTER)
    return inspection


def _check_size(image: BinaryIO) -> None:
    size = image.seek(0, 2)
    image.seek(0)
    if size > settings.MAX_IMAGE_BYTES:
        said = _("The file has {size} bytes; at most {most} are accepted.")
        raise FileTooLarge(said.format(size=f"{size:,}", most=f"{settings.MAX_IMAGE_BYTES:,}"))
