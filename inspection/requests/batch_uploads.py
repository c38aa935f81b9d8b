"""Reader of batch uploads: a multipart request becomes submissions whose images are on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from inspection.intake.part_metadata import MAX_METADATA_DEPTH, read_json
from inspection.intake.submission import Submission
from inspection.models import Station
from inspection.refusals import InvalidRequest
from inspection.requests.form_serializers import MAX_BATCH_IMAGES, BatchFormSerializer, PartFieldsSerializer
from inspection.requests.uploads import build_submission, check_length, limit_upload, read_idempotency_key

MAX_MEMORY_BYTES = 1  # bytes in memory; larger files are on disk
# Leaves room for the image's number after the key
MAX_KEY_LENGTH = 196


def read_batch(request: Request, station: Station) -> list[Submission]:
    """Return the images in the order of their fields ``file``, with their ``parts`` metadata.

    Raises the refusals of an invalid batch. The images themselves are not decoded yet.
    """
    key = read_idempotency_key(request)
    if key is not None and len(key) > MAX_KEY_LENGTH:
        raise InvalidRequest(f"The Idempotency-Key of a batch may have at most {MAX_KEY_LENGTH} characters.")
    check_length(request, settings.MAX_BATCH_BYTES)
    limit_upload(request, BatchFormSerializer, settings.MAX_BATCH_BYTES, max_memory_bytes=MAX_MEMORY_BYTES)
    files: Sequence[UploadedFile[bytes]] = request.FILES.getlist("file")
    if not 1 <= len(files) <= MAX_BATCH_IMAGES:
        raise InvalidRequest(
            f"Send 1 to {MAX_BATCH_IMAGES} images in a batch, each as a field `file`. This batch has {len(files)}."
        )
    fields = _read_part_fields(request, len(files))
    # A repeated batch finds the first answer of each image by the image's own key.
    keys = [None if key is None else f"{key}:{number}" for number in range(len(files))]
    return [build_submission(*image, station) for image in zip(files, fields, keys, strict=True)]


def _read_part_fields(request: Request, count: int) -> list[Mapping[str, Any]]:
    text = request.POST.get("parts")
    if text is None:
        return [{}] * count
    try:
        parts = read_json(text.encode(), MAX_METADATA_DEPTH + 2)
    except ValueError as error:
        raise InvalidRequest(f"`parts` cannot be read: {error}") from None
    if not isinstance(parts, list) or len(parts) != count:
        raise InvalidRequest("`parts` must be a JSON list with one object for each field `file`, in the same order.")
    form = PartFieldsSerializer(data=parts, many=True)
    if not form.is_valid():
        raise ValidationError({f"parts[{number}]": error for number, error in form.errors.items()})
    fields: list[Mapping[str, Any]] = form.validated_data
    return fields
