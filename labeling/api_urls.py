"""Addresses below ``/api/v1/``."""

from __future__ import annotations

from django.urls import path

from labeling import api, api_lineage

urlpatterns = [
    path("queue/claim/", api.QueueClaim.as_view(), name="queue-claim"),
    path("queue/<str:claim>/verdict/", api.QueueVerdict.as_view(), name="queue-verdict"),
    path("queue/<str:claim>/skip/", api.QueueSkip.as_view(), name="queue-skip"),
    path("queue/<str:claim>/alike/", api.QueueAlike.as_view(), name="queue-alike"),
    path("queue/<str:claim>/renew/", api.QueueRenew.as_view(), name="queue-renew"),
    path("queue/<str:claim>/release/", api.QueueRelease.as_view(), name="queue-release"),
    path("labels/<str:label_id>/undo/", api.LabelUndoing.as_view(), name="label-undo"),
    path("inspections/<str:inspection_id>/label/", api.InspectionLabel.as_view(), name="inspection-label"),
    path(
        "inspections/<str:inspection_id>/lineage/",
        api_lineage.InspectionLineage.as_view(),
        name="inspection-lineage",
    ),
]
