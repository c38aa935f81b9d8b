"""Addresses below ``/api/v1/``."""

from __future__ import annotations

from django.urls import path

from inspection import api, api_batch, api_images

urlpatterns = [
    path("inspections/", api.InspectionCollection.as_view(), name="inspections"),
    path("inspections/batch/", api_batch.InspectionBatch.as_view(), name="inspections-batch"),
    path("inspections/<str:inspection_id>/", api.InspectionDetail.as_view(), name="inspection"),
    path("inspections/<str:inspection_id>/image/", api_images.InspectionImage.as_view(), name="inspection-image"),
    path(
        "inspections/<str:inspection_id>/thumbnail/",
        api_images.InspectionThumbnail.as_view(),
        name="inspection-thumbnail",
    ),
    path("inspections/<str:inspection_id>/heatmap/", api_images.InspectionHeatmap.as_view(), name="inspection-heatmap"),
    path("inspections/<str:inspection_id>/overlay/", api_images.InspectionOverlay.as_view(), name="inspection-overlay"),
]
