"""Kind of an answer over REST, whatever the client says that it accepts."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request


class AnyAccept(DefaultContentNegotiation):
    """Choice of the view's first kind where the client accepts none of them (RFC 9110, 12.5.1, allows it).

    A camera that sends an odd or empty Accept header still gets its part stored and judged.
    """

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        """Return the renderer that the client likes best, or else the first, with its media type."""
        try:
            return super().select_renderer(request, renderers, format_suffix)
        except NotAcceptable:
            return renderers[0], renderers[0].media_type
