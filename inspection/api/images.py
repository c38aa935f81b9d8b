"""REST views of an inspection's image, thumbnail, heatmap and score map overlay."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import BinaryIO, TypeVar

from django.http import FileResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request

from inspection.api.inspections import InspectionView
from inspection.api.openapi import INSPECTION_ID
from inspection.images import image_files
from inspection.models import Inspection
from inspection.products.blind_parts import blind_parts
from inspection.refusals import ImageMissing
from inspection.scoring import part_heatmaps
from inspection.scoring.part_heatmaps import KINDS, LAYERS
from mltasks.vision.serving.heatmaps import RENDER_REVISION

KindT = TypeVar("KindT")


class ImageView(InspectionView):
    """Base view of an inspection's images."""

    more_statuses = {"GET": (304, 507)}

    def image_response(
        self, etag: str, content_type: str, name: str, open_file: Callable[[], BinaryIO]
    ) -> HttpResponseBase:
        """Send an image, or 304 if the client has it. Raises ImageMissing if the file is missing."""
        if (unchanged := get_conditional_response(self.request._request, etag=f'"{etag}"')) is not None:
            return unchanged
        try:
            response = FileResponse(open_file(), content_type=content_type, filename=name)
        except FileNotFoundError:
            raise ImageMissing("The image file of this inspection is missing.") from None
        response["ETag"] = f'"{etag}"'
        response["X-Content-Type-Options"] = "nosniff"
        return response

    def map_response(
        self,
        inspection_id: str,
        kinds: Mapping[str, KindT],
        render: Callable[[Inspection, KindT], bytes],
        *,
        default: str = "",
        prefix: str = "",
    ) -> HttpResponseBase:
        """Send a PNG of the score maps of the query's ``kind``, unless the sender judges the part blind."""
        part = self.get_inspection(inspection_id)
        if part.pk in blind_parts(self.request.user):
            raise PermissionDenied("You are reviewing this part blind. Its heatmap is shown after your verdict.")
        kind = self.request.query_params.get("kind", default)
        if kind not in kinds:
            raise ValidationError({"kind": f"Send one of {', '.join(kinds)}."})
        version = part.model_version.sha256 if part.model_version else "none"
        etag = f"{part.image_sha256}-{version}-{RENDER_REVISION}-{prefix}{kind}"
        name = f"{part.pk}-{prefix}{kind}.png"
        return self.image_response(etag, "image/png", name, lambda: io.BytesIO(render(part, kinds[kind])))


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
        part = self.get_inspection(inspection_id)
        reader = request.query_params.get("for")
        if reader not in (None, "browser"):
            raise ValidationError({"for": "Send `browser`, or leave this parameter out."})
        sha256 = part.image_sha256
        if reader and not image_files.browser_shows_original(part):
            return self.image_response(
                f"{sha256}-png", "image/png", f"{part.pk}.png", lambda: io.BytesIO(image_files.render_png(part))
            )
        name = f"{part.pk}.{image_files.EXTENSIONS[part.image_format]}"
        content_type = f"image/{part.image_format.lower()}"
        return self.image_response(sha256, content_type, name, lambda: image_files.open_image(part))


class InspectionThumbnail(ImageView):
    """Thumbnail of an inspection's image."""

    @extend_schema(
        operation_id="inspections_thumbnail",
        parameters=[INSPECTION_ID],
        responses={(200, "image/jpeg"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, inspection_id: str) -> HttpResponseBase:
        """Return the whole upright image as a JPEG of at most 320 pixels a side."""
        part = self.get_inspection(inspection_id)
        etag, name = f"{part.image_sha256}-thumbnail", f"{part.pk}.jpg"
        return self.image_response(etag, "image/jpeg", name, lambda: image_files.ensure_thumbnail(part).open("rb"))


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
        return self.map_response(inspection_id, KINDS, part_heatmaps.render_heatmap, default="both")


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
        return self.map_response(inspection_id, LAYERS, part_heatmaps.render_overlay, prefix="over-")
