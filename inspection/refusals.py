"""Why an image is not taken. Each refusal has the code that clients see; `api_errors` gives it its status."""

from __future__ import annotations

from typing import ClassVar


class Refusal(Exception):  # noqa: N818 - named as the sender sees it
    """Something was sent that can't be taken now, or not at all. ``retry_after`` is in seconds."""

    code: ClassVar[str]

    def __init__(self, detail: str, *, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after


class InvalidRequest(Refusal):
    """The request is not as the contract says."""

    code = "invalid_request"


class UnknownField(Refusal):
    """A field that the form does not have."""

    code = "unknown_field"


class InvalidEncoding(Refusal):
    """A text that is not UTF-8."""

    code = "invalid_encoding"


class InvalidImage(Refusal):
    """There is no image in it."""

    code = "invalid_image"


class FileTooLarge(Refusal):
    """More bytes than MAX_IMAGE_BYTES."""

    code = "file_too_large"


class LengthRequired(Refusal):
    """A body whose length was not said beforehand."""

    code = "length_required"


class InProgress(Refusal):
    """The first request with this idempotency key has no answer yet."""

    code = "in_progress"


class IdempotencyMismatch(Refusal):
    """The idempotency key came with another body before."""

    code = "idempotency_mismatch"


class UnknownFilter(Refusal):
    """A query parameter that no filter has."""

    code = "unknown_filter"


class DiskFull(Refusal):
    """No room for another image."""

    code = "disk_full"


class Overloaded(Refusal):
    """More images arrive than can be taken; this one may come again."""

    code = "overloaded"


class StoreUnavailable(Refusal):
    """The store that machines share can't be reached: the same can be sent again."""

    code = "store_unavailable"


class NoHeatmap(Refusal):
    """Nothing scored this part, so there is nothing to show."""

    code = "no_heatmap"


class CannotScore(Refusal):
    """The version or the image is gone, or they don't belong together."""

    code = "cannot_score"


class ImageMissing(Refusal):
    """The row is there and its file is not."""

    code = "image_missing"
