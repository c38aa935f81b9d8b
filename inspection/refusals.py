"""Refusals of requests that send or read inspections."""

from __future__ import annotations

from mltasks.refusals import Refusal


class InvalidRequest(Refusal):
    """The request is not as the contract says."""

    code = "invalid_request"
    status = 400


class UnknownField(Refusal):
    """A field that the form does not have."""

    code = "unknown_field"
    status = 400


class InvalidEncoding(Refusal):
    """A text that is not UTF-8."""

    code = "invalid_encoding"
    status = 400


class InvalidImage(Refusal):
    """There is no image in it."""

    code = "invalid_image"
    status = 400


class FileTooLarge(Refusal):
    """More bytes than MAX_IMAGE_BYTES."""

    code = "file_too_large"
    status = 413


class LengthRequired(Refusal):
    """A body whose length was not said beforehand."""

    code = "length_required"
    status = 411


class InProgress(Refusal):
    """The first request with this idempotency key has no answer yet."""

    code = "in_progress"
    status = 409


class IdempotencyMismatch(Refusal):
    """The idempotency key came with another body before."""

    code = "idempotency_mismatch"
    status = 422


class UnknownFilter(Refusal):
    """A query parameter that no filter has."""

    code = "unknown_filter"
    status = 400


class DiskFull(Refusal):
    """No room for another image."""

    code = "disk_full"
    status = 507


class Overloaded(Refusal):
    """More images arrive than can be taken; this one may come again."""

    code = "overloaded"
    status = 503


class StoreUnavailable(Refusal):
    """The store that machines share can't be reached: the same can be sent again."""

    code = "store_unavailable"
    status = 503


class NoHeatmap(Refusal):
    """Nothing scored this part, so there is nothing to show."""

    code = "no_heatmap"
    status = 404


class CannotScore(Refusal):
    """The version or the image is gone, or they don't belong together."""

    code = "cannot_score"


class ImageMissing(Refusal):
    """The row is there and its file is not."""

    code = "image_missing"
    status = 404
