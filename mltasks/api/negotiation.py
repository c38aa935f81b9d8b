"""Content negotiation of REST requests."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import NotAcceptable, UnsupportedMediaType
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request


class LenientContentNegotiation(DefaultContentNegotiation):
    """Content negotiation that ignores unusable Accept headers and refuses compressed bodies.

    If the client accepts no renderer of the view, the first renderer answers, as RFC 9110, 12.5.1, allows. So a camera
    with an odd or empty Accept header still gets its part stored and scored.
    """

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """Return the parser of the content type.

        Raises UnsupportedMediaType for a compressed body (RFC 9110, 15.5.16).
        """
        encoding = request.headers.get("Content-Encoding", "")
        if encoding.strip().lower() not in ("", "identity"):
            detail = "Compressed bodies are not accepted. Send the body uncompressed and without Content-Encoding."
            raise UnsupportedMediaType(encoding, detail)
        return super().select_parser(request, parsers)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        """Return the renderer that the client prefers, or else the first, with its media type."""
        try:
            return super().select_renderer(request, renderers, format_suffix)
        except NotAcceptable:
            return renderers[0], renderers[0].media_type
