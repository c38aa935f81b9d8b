"""Base class of refusals: steps that a program or a person may not take now."""

from __future__ import annotations

from typing import ClassVar


class Refusal(Exception):  # noqa: N818 - the domain's word
    """Step that was refused; nothing was changed.

    ``code`` is stable and ``status`` is the HTTP status of both in a REST answer. ``field`` is the name of the refused
    request field, empty for the request as a whole. ``retry_after`` is in seconds; None means that a retry does not
    help.
    """

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 409
    field: ClassVar[str] = ""

    def __init__(self, detail: str, *, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after
