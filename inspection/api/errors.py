"""JSON errors of the REST API: ``code``, ``detail`` and the code's HTTP status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, UnreadablePostError
from rest_framework import exceptions
from rest_framework.response import Response

from inspection.images.local_image_store import is_disk_full
from inspection.images.s3_image_store import RETRY_AFTER_SECONDS
from inspection.refusals import DiskFull, FileTooLarge, InvalidRequest, StoreUnavailable
from mltasks.refusals import Refusal
from mltasks.storage.store_errors import StoreUnreachable
from mltasks.vision.data.image_header import ErrorCode, ImageError

IMAGE_STATUS: dict[ErrorCode, int] = {
    "invalid_image": 400,
    "truncated_image": 400,
    "damaged_image": 400,
    "too_many_pixels": 413,
    "unsupported_format": 415,
}
# DRF's codes that the contract names differently.
CODES_BY_DRF_CODE = {"parse_error": "invalid_request", "invalid": "invalid_request"}


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> Response | None:
    """Return the error response for an exception of a view.

    None for an unreachable database, which a middleware answers with 503, and for a program error, which Django logs
    and answers with 500.
    """
    if isinstance(exc, OSError) and is_disk_full(exc):
        exc = DiskFull("The disk is full. The image was not stored. Free some space, then retry.")
    if isinstance(exc, StoreUnreachable):
        text = "The image store cannot be reached. Send the request again in a few seconds."
        exc = StoreUnavailable(text, retry_after=RETRY_AFTER_SECONDS)
    if isinstance(exc, ImageError):
        return Response({"code": exc.code, "detail": exc.detail}, status=IMAGE_STATUS[exc.code])
    exc = _unreadable_body_error(exc) or exc
    if isinstance(exc, Refusal):
        return _error_response(exc)
    if isinstance(exc, Http404):
        exc = exceptions.NotFound()
    elif isinstance(exc, PermissionDenied):
        exc = exceptions.PermissionDenied()
    if isinstance(exc, exceptions.UnsupportedMediaType):
        exc.detail = exceptions.ErrorDetail(f"{exc.detail} {_accepted_bodies(context)}", exc.default_code)
    return _framework_error_response(exc) if isinstance(exc, exceptions.APIException) else None


def _accepted_bodies(context: Mapping[str, Any]) -> str:
    kinds = [str(parser.media_type) for parser in getattr(context.get("view"), "parser_classes", ())]
    if kinds == ["multipart/form-data"]:
        return "Send a multipart/form-data form with the image in the field `file`."
    return f"Send {' or '.join(kinds)}."


def _unreadable_body_error(exc: Exception) -> Refusal | None:
    """Return the refusal of a body that Django could not read; None for another exception."""
    if isinstance(exc, BadRequest):
        return InvalidRequest(str(exc))
    if isinstance(exc, RequestDataTooBig):
        return FileTooLarge("The texts of the body are too long. Send shorter texts.")
    if isinstance(exc, SuspiciousOperation):
        return InvalidRequest("The form is invalid, or has too many or too large fields.")
    if isinstance(exc, UnreadablePostError):
        return InvalidRequest("The body ended before it was complete. Send the request again.")
    return None


def _error_response(refusal: Refusal) -> Response:
    if refusal.field:
        return _framework_error_response(exceptions.ValidationError({refusal.field: [refusal.detail]}))
    headers = {} if refusal.retry_after is None else {"Retry-After": str(refusal.retry_after)}
    return Response({"code": refusal.code, "detail": refusal.detail}, status=refusal.status, headers=headers)


def _framework_error_response(exc: exceptions.APIException) -> Response:
    headers = {}
    if challenge := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if (wait := getattr(exc, "wait", None)) is not None:
        headers["Retry-After"] = f"{wait:.0f}"
    return Response(_error_body(exc), status=exc.status_code, headers=headers)


def _error_body(exc: exceptions.APIException) -> dict[str, Any]:
    if not isinstance(exc, exceptions.ValidationError):
        code = str(getattr(exc.detail, "code", exc.default_code))
        return {"code": CODES_BY_DRF_CODE.get(code, code), "detail": str(exc.detail)}
    fields = {"fields": exc.detail} if isinstance(exc.detail, Mapping) else {}
    return {"code": "invalid_request", "detail": " ".join(_sentences(exc.detail)), **fields}


def _sentences(detail: Any, name: str = "") -> list[str]:
    if isinstance(detail, Mapping):
        before = f"{name}." if name else ""
        return [text for key, value in detail.items() for text in _sentences(value, f"{before}{key}")]
    if isinstance(detail, list):
        return [text for value in detail for text in _sentences(value, name)]
    return [f"{name}: {detail}" if name and name != "non_field_errors" else str(detail)]
