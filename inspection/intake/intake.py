"""Intake of images: check, store durably, insert the row, then score."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

from django.db import IntegrityError, InterfaceError, OperationalError, transaction

from inspection.images import image_files, thumbnail_queue
from inspection.intake import intake_steps
from inspection.intake.submission import Submission
from inspection.models import Inspection, Verdict
from inspection.products.station_bit_depths import StationBitDepth, product_bit_depth
from inspection.refusals import DatabaseUnavailable, IdempotencyMismatch, InProgress
from inspection.scoring import deadlines, scoring, scoring_lease
from inspection.scoring.request_timing import DATABASE, DECODE, STORE, step
from mltasks.refusals import Refusal
from mltasks.registry.fallback import ServingVersion
from mltasks.vision.data import decoding

RETRY_AFTER_SECONDS = 1  # seconds; scoring takes a fraction of a second
# Pixels of a version's input: the stride of its finest feature maps. Thinner content is below their resolution.
MIN_INPUT_PIXELS = 8


def receive(submission: Submission) -> Inspection:
    """Receive one image of a part and return its decided inspection.

    The file is on disk and the row committed before scoring: after a crash, `recover_scoring` scores the pending row.
    Each call creates an inspection, unless the station sent this idempotency key before: then the first inspection is
    returned.

    Raises ImageError, and the refusals FileTooLarge, DiskFull, StoreUnavailable, IdempotencyMismatch and InProgress.
    """
    intake_steps.check_file_size(submission.image)
    return _find_earlier(submission) or _receive_new(submission)


def receive_each(submissions: Iterable[Submission]) -> Iterator[Inspection | Exception]:
    """Receive the images of one request in order; yield the inspection or the refusal of each.

    Once the database is unreachable, no further image is tried. Program errors are raised; images received before are
    stored, and requests with the same keys return their inspections.
    """
    unavailable: DatabaseUnavailable | None = None
    for submission in submissions:
        if unavailable is not None:
            yield unavailable
            continue
        try:
            # The wait for earlier images does not count as this image's latency.
            yield receive(replace(submission, arrived=time.perf_counter()))
        except (Refusal, decoding.ImageError) as refusal:
            yield refusal
        except (OperationalError, InterfaceError):
            text = "The database cannot be reached. Send the image again in a few seconds."
            unavailable = DatabaseUnavailable(text, retry_after=5)
            yield unavailable


def _receive_new(submission: Submission) -> Inspection:
    serving, loading_failed = scoring.try_load_serving_version(submission.product)
    station = submission.station
    depth = StationBitDepth(station) if station else product_bit_depth(submission.product)
    with step(DECODE):
        size = serving.scorer.input_size if serving else scoring.UNSCORED_SIZE
        loaded = intake_steps.decode(submission, size, depth)
    pixels = None
    if serving:
        _check_visible_size(loaded, serving)
        with step(DECODE):
            pixels = loaded.to_array(size)
    with step(STORE):
        stored = image_files.store(submission.image, loaded.header.format)
    slot = deadlines.slot_request(station, submission.arrived, waited=submission.waited)
    decoded = scoring.DecodedImage(loaded, serving, submission.arrived, pixels, loading_failed, slot)
    key = uuid4()
    passed = scoring.fast_pass_fields(submission.product, key, decoded)
    try:
        with step(DATABASE):
            inspection = insert_part(
                submission,
                stored,
                loaded.header,
                pk=key,
                bit_depth=loaded.bit_depth,
                deadline_ms=deadlines.applied_deadline_ms(station),
                bit_depth_before=depth.previous_depth if isinstance(depth, StationBitDepth) else None,
                **(passed or {"model_version": serving and serving.version, **scoring_lease.first_lease_fields()}),
            )
    except IntegrityError:
        # A concurrent request with the same key committed first.
        first = _find_earlier(submission)
        if first is None:
            raise
        return first
    if not passed:
        inspection = _require_decided(scoring.score(inspection, decoded))
    deadlines.record_answer(inspection)
    # Nobody looks at most of the parts that pass, so their thumbnails are drawn on demand.
    if inspection.verdict != Verdict.PASS and intake_steps.is_sharp_enough(loaded):
        thumbnail_queue.background_thumbnails.submit(stored.sha256, loaded, loaded.bit_depth)
    return inspection


def _check_visible_size(loaded: decoding.LoadedImage, serving: ServingVersion) -> None:
    """Raise ImageError if the version would see less than MIN_INPUT_PIXELS on one side."""
    content = loaded.placement(serving.scorer.input_size)
    if min(content.width, content.height) < MIN_INPUT_PIXELS:
        raise decoding.ImageError(
            "invalid_image",
            f"The image is too narrow: version {serving.version.number} would get {content.width} × {content.height} "
            f"pixels and needs {MIN_INPUT_PIXELS} on each side. Send an image in the part's shape, or set the "
            "station's region of interest.",
        )


def insert_part(
    submission: Submission, stored: image_files.StoredImage, header: decoding.ImageHeader, **fields: Any
) -> Inspection:
    """Insert the row of a stored image, with ``fields``, and commit it."""
    source = Inspection.Source.STATION if submission.station else Inspection.Source.UPLOAD
    # Durable: the row must be committed before it is scored or answered.
    with transaction.atomic(durable=True):
        return intake_steps.insert(submission, stored, header, source=source, **fields)


def _find_earlier(submission: Submission) -> Inspection | None:
    """Return the inspection of an earlier request with this idempotency key, scored if pending.

    Raises IdempotencyMismatch and InProgress.
    """
    if not submission.idempotency_key:
        return None
    inspections = Inspection.objects.with_version().select_related("product__registered_model", "station")
    with step(DATABASE):
        first = inspections.filter(station=submission.station, idempotency_key=submission.idempotency_key).first()
    if first is None:
        return None
    if first.request_sha256 != submission.request_sha256(image_files.stream_sha256(submission.image)):
        raise IdempotencyMismatch("This idempotency key was used with another image or other fields. Send a new key.")
    if first.state == Inspection.State.PENDING:
        first = _require_decided(_resume_scoring(first))
    first.already_received = True
    return first


def _resume_scoring(inspection: Inspection) -> Inspection:
    """Score a part whose first request was killed; if another process scores it, only reload it."""
    leased = scoring_lease.take_over(inspection)
    if leased is not None:
        return scoring.score(leased)
    inspection.refresh_from_db()
    return inspection


def _require_decided(inspection: Inspection) -> Inspection:
    if inspection.state == Inspection.State.PENDING:
        text = "The image is stored and is being scored. Send the request again in a second."
        raise InProgress(text, retry_after=RETRY_AFTER_SECONDS)
    return inspection
