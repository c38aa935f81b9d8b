"""Refusals of requests that send or read inspections."""

from __future__ import annotations

from mltasks.refusals import Refusal


class InvalidRequest(Refusal):
    """Refusal of a request that violates the API's contract."""

    code = "invalid_request"
    status = 400


class InvalidEncoding(Refusal):
    """Refusal of a text that is not UTF-8."""

    code = "invalid_encoding"
    status = 400


class InvalidImage(Refusal):
    """Refusal of a body without an image."""

    code = "invalid_image"
    status = 400


class FileTooLarge(Refusal):
    """Refusal of a file with too many bytes."""

    code = "file_too_large"
    status = 413


class LengthRequired(Refusal):
    """Refusal of a body without a Content-Length."""

    code = "length_required"
    status = 411


class InProgress(Refusal):
    """Refusal while the first request with this idempotency key has no answer yet."""

    code = "in_progress"
    status = 409


class IdempotencyMismatch(Refusal):
    """Refusal of an idempotency key that came with another body before."""

    code = "idempotency_mismatch"
    status = 422


class UnknownFilter(Refusal):
    """Refusal of an unknown query parameter."""

    code = "unknown_filter"
    status = 400


class DiskFull(Refusal):
    """Refusal for lack of disk space."""

    code = "disk_full"
    status = 507


class Overloaded(Refusal):
    """Refusal under overload; the image may be sent again."""

    code = "overloaded"
    status = 503


class DatabaseUnavailable(Refusal):
    """Refusal of an image that was not tried because the database is unreachable."""

    code = "database_unavailable"
    status = 503


class StoreUnavailable(Refusal):
    """Refusal while the shared store is unreachable; the request can be sent again."""

    code = "store_unavailable"
    status = 503


class NoHeatmap(Refusal):
    """Refusal of a heatmap for a part that no version scored."""

    code = "no_heatmap"
    status = 404


class CannotScore(Refusal):
    """Refusal to score: version or image is missing, or the version is of another model."""

    code = "cannot_score"


class ImageMissing(Refusal):
    """Refusal of an image whose row exists but whose file is missing."""

    code = "image_missing"
    status = 404
