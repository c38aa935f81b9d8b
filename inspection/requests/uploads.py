"""Readers of single and batch uploads: a multipart request becomes submissions of limited size."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from inspection.intake.part_metadata import MAX_METADATA_DEPTH, read_json
from inspection.intake.submission import Submission
from inspection.models import Station
from inspection.refusals import InvalidImage, InvalidRequest, LengthRequired
from inspection.requests.form_reader import LimitedUploadHandler, file_too_large, form_fields, refuse_query_fields
from inspection.requests.form_serializers import (
    MAX_BATCH_IMAGES,
    BatchFormSerializer,
    ImageFormSerializer,
    PartFieldsSerializer,
)
from inspection.requests.parsers import MultiPartParser

IDEMPOTENCY_KEY_PATTERN = re.compile(r"[\x21-\x7e]{1,200}")
MAX_BATCH_MEMORY_BYTES = 1  # bytes in memory; larger files of a batch are on disk
# Leaves room for the image's number after the key of a batch
MAX_BATCH_KEY_LENGTH = 196


@dataclass(frozen=True, slots=True)
class Upload:
    """Upload request: headers (as in Django's META), names in the query, and the reader of the form."""

    meta: Mapping[str, Any]
    query: Iterable[str]
    read_form: Callable[[LimitedUploadHandler], Any]


def framework_upload(request: Request) -> Upload:
    """Return the upload of a REST framework request."""

    def read_form(handler: LimitedUploadHandler) -> Any:
        request._request.upload_handlers = [handler]
        return request.data

    return Upload(request.META, request.query_params, read_form)


def plain_upload(meta: Mapping[str, Any], body: BinaryIO) -> Upload:
    """Return the upload of a request without a query that has a multipart form as its body."""

    def read_form(handler: LimitedUploadHandler) -> Any:
        context = {"request": SimpleNamespace(META=meta, upload_handlers=[handler]), "encoding": "utf-8"}
        form = MultiPartParser().parse(body, meta["CONTENT_TYPE"], context)
        fields = form.data.copy()
        fields.update(form.files)
        return fields

    return Upload(meta, (), read_form)


def read_submission(
    upload: Upload, form_class: type[ImageFormSerializer], station: Station, arrived: float
) -> Submission:
    """Read the body into a submission. Raises the refusals of the contract.

    A body whose declared length is too large is refused before reading.
    """
    key = read_idempotency_key(upload.meta)
    check_length(upload.meta, settings.MAX_IMAGE_BYTES)
    names = form_fields(form_class)
    refuse_query_fields(upload.query, names)
    handler = LimitedUploadHandler(names, settings.MAX_IMAGE_BYTES, settings.FILE_UPLOAD_MAX_MEMORY_SIZE)
    form = form_class(data=upload.read_form(handler))
    form.is_valid(raise_exception=True)
    fields: dict[str, Any] = form.validated_data
    return replace(build_submission(fields["file"], fields, key, station), arrived=arrived)


def read_batch(request: Request, station: Station) -> list[Submission]:
    """Return the images in the order of their fields ``file``, with their ``parts`` metadata.

    Raises the refusals of an invalid batch. The images themselves are not decoded yet.
    """
    key = read_idempotency_key(request.META)
    if key is not None and len(key) > MAX_BATCH_KEY_LENGTH:
        raise InvalidRequest(f"The Idempotency-Key of a batch may have at most {MAX_BATCH_KEY_LENGTH} characters.")
    check_length(request.META, settings.MAX_BATCH_BYTES)
    names = form_fields(BatchFormSerializer)
    refuse_query_fields(request.query_params, names)
    request._request.upload_handlers = [
        LimitedUploadHandler(names, settings.MAX_BATCH_BYTES, max_memory_bytes=MAX_BATCH_MEMORY_BYTES)
    ]
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


def build_submission(
    file: UploadedFile[bytes], fields: Mapping[str, Any], key: str | None, station: Station
) -> Submission:
    """Return one image of the station with the metadata of a checked form."""
    return Submission(
        image=cast(BinaryIO, file.file),
        product=station.product,
        station=station,
        filename=file.name or "",
        part_id=fields.get("part_id", ""),
        captured_at=fields.get("captured_at"),
        metadata=fields.get("metadata", {}),
        idempotency_key=key or "",
    )


def check_length(meta: Mapping[str, Any], max_bytes: int) -> None:
    """Refuse a body by its headers: without a length, empty, or longer than allowed.

    Raises LengthRequired, InvalidImage and FileTooLarge. ``max_bytes`` limits the files.
    """
    declared = meta.get("CONTENT_LENGTH") or ""
    if not declared and meta.get("HTTP_TRANSFER_ENCODING"):
        raise LengthRequired("Send the body with a Content-Length, not in chunks.")
    length = int(declared) if declared.isdecimal() else 0
    if length == 0:
        raise InvalidImage("The request has no body. Send the image as the field `file` of a multipart form.")
    # Allow Django's limit of text bytes for the other fields and the part heads.
    if length > max_bytes + settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        raise file_too_large(max_bytes)


def read_idempotency_key(meta: Mapping[str, Any]) -> str | None:
    """Return the request's idempotency key; None without one. Raises InvalidRequest."""
    key: str | None = meta.get("HTTP_IDEMPOTENCY_KEY")
    if key is not None and not IDEMPOTENCY_KEY_PATTERN.fullmatch(key):
        raise InvalidRequest("An Idempotency-Key has 1 to 200 printable ASCII characters and no spaces.")
    return key
