"""REST views of an inspection's image, thumbnail, heatmap and score map overlay."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import BinaryIO

from django.http import FileResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from inspection.api.inspections import InspectionView
from inspection.api.openapi import INSPECTION_ID
from inspection.images import image_files
from inspection.models import Inspection
from inspection.refusals import ImageMissing
from inspection.scoring import part_heatmaps
from inspection.scoring.part_heatmaps import KINDS, LAYERS
from mltasks.vision.serving.heatmaps import RENDER_REVISION


class ImageView(InspectionView):
    """Base view of an inspection's images."""

    more_statuses = {"GET": (304, 507)}

    def image_response(
        self, request: Request, etag: str, content_type: str, name: str, open_file: Callable[[], BinaryIO]
    ) -> HttpResponseBase:
        """Send an image, or 304 if the client has it. Raises ImageMissing if the file is missing."""
        if (unchanged := get_conditional_response(request._request, etag=f'"{etag}"')) is not None:
            return unchanged
        try:
            response = FileResponse(open_file(), content_type=content_type, filename=name)
        except FileNotFoundError:
            raise ImageMissing("The image file of this inspection is missing.") from None
        response["ETag"] = f'"{etag}"'
        response["X-Content-Type-Options"] = "nosniff"
        return response


class InspectionImage(ImageView):
    """Image of an inspection."""

    @extend_schema(
        operation_id="inspections_image",
        parameters=[INSPECTION_ID, OpenApiParameter("for", str, enum=["browser"])],
        responses={(200, "image/*"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, inspection_id: str) -> HttpResponseBase:
        """Return the original image.

        The bytes are those that were sent. With `for=browser`, an image that browsers display differently from what the
        model gets is converted to an 8-bit PNG: TIFF, 10 to 14 bits stored in 16, transparency.
        """
        found = self.get_inspection(inspection_id)
        reader = request.query_params.get("for")
        if reader not in (None, "browser"):
            raise ValidationError({"for": "Send `browser`, or leave this parameter out."})
        if reader and not self._browser_shows_original(found):
            etag, name = f"{found.image_sha256}-png", f"{found.pk}.png"
            return self.image_response(
                request, etag, "image/png", name, lambda: io.BytesIO(image_files.render_png(found))
            )
        name = f"{found.pk}.{image_files.EXTENSIONS[found.image_format]}"
        kind = image_files.CONTENT_TYPES[found.image_format]
        return self.image_response(request, found.image_sha256, kind, name, lambda: image_files.open_image(found))

    @staticmethod
    def _browser_shows_original(inspection: Inspection) -> bool:
        try:
            return image_files.browser_shows_original(inspection)
        except FileNotFoundError:
            # `image_response` raises ImageMissing when it opens the file.
            return True


class InspectionThumbnail(ImageView):
    """Thumbnail of an inspection's image."""

    @extend_schema(
        operation_id="inspections_thumbnail",
        parameters=[INSPECTION_ID],
        responses={(200, "image/jpeg"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, inspection_id: str) -> HttpResponseBase:
        """Return the whole upright image as a JPEG of at most 320 pixels a side."""
        found = self.get_inspection(inspection_id)
        etag = f"{found.image_sha256}-thumbnail"
        return self.image_response(
            request, etag, "image/jpeg", f"{found.pk}.jpg", lambda: image_files.ensure_thumbnail(found).open("rb")
        )


class InspectionHeatmap(ImageView):
    """Heatmap of an inspection."""

    @extend_schema(
        operation_id="inspections_heatmap",
        parameters=[INSPECTION_ID, OpenApiParameter("kind", str, enum=list(KINDS), default="both")],
        responses={(200, "image/png"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, inspection_id: str) -> HttpResponseBase:
        """Return the region of interest with the score maps drawn over the image.

        The maps are those of the version that scored the part. Vermillion is evidence of a defect; yellow is what the
        autoencoder could not reconstruct.
        """
        found = self.get_scored_inspection(inspection_id)
        kind = request.query_params.get("kind", "both")
        if kind not in KINDS:
            raise ValidationError({"kind": f"Send one of {', '.join(KINDS)}."})
        etag = f"{found.image_sha256}-{_maps_etag(found)}-{kind}"
        name = f"{found.pk}-{kind}.png"
        return self.image_response(
            request, etag, "image/png", name, lambda: io.BytesIO(part_heatmaps.render_heatmap(found, KINDS[kind]))
        )


class InspectionOverlay(ImageView):
    """Overlay of one score map."""

    @extend_schema(
        operation_id="inspections_overlay",
        parameters=[INSPECTION_ID, OpenApiParameter("kind", str, enum=list(LAYERS), required=True)],
        responses={(200, "image/png"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, inspection_id: str) -> HttpResponseBase:
        """Return one score map as a transparent PNG without the image.

        Stretch the map over the region of interest (`roi`, or the whole upright image).
        """
        found = self.get_scored_inspection(inspection_id)
        kind = request.query_params.get("kind", "")
        if kind not in LAYERS:
            raise ValidationError({"kind": f"Send one of {', '.join(LAYERS)}."})
        etag = f"{found.image_sha256}-{_maps_etag(found)}-over-{kind}"
        name = f"{found.pk}-over-{kind}.png"
        return self.image_response(
            request, etag, "image/png", name, lambda: io.BytesIO(part_heatmaps.render_overlay(found, LAYERS[kind]))
        )


def _maps_etag(inspection: Inspection) -> str:
    version = inspection.model_version.sha256 if inspection.model_version else "none"
    return f"{version}-{RENDER_REVISION}"
