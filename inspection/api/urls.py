"""REST addresses of stations and clients: below ``/api/v1/``, and ``/predict`` at the root."""

from __future__ import annotations

from django.urls import path

from inspection.api import batches, images, inspections
from inspection.api.inspections import Predict

urlpatterns = [
    path("inspections/", inspections.InspectionCollection.as_view(), name="inspections"),
    path("inspections/batch/", batches.InspectionBatch.as_view(), name="inspections-batch"),
    path("inspections/<str:inspection_id>/", inspections.InspectionDetail.as_view(), name="inspection"),
    path("inspections/<str:inspection_id>/image/", images.InspectionImage.as_view(), name="inspection-image"),
    path(
        "inspections/<str:inspection_id>/thumbnail/",
        images.InspectionThumbnail.as_view(),
        name="inspection-thumbnail",
    ),
    path("inspections/<str:inspection_id>/heatmap/", images.InspectionHeatmap.as_view(), name="inspection-heatmap"),
    path("inspections/<str:inspection_id>/overlay/", images.InspectionOverlay.as_view(), name="inspection-overlay"),
]


predict_urlpatterns = [path("predict", Predict.as_view(), name="predict")]
