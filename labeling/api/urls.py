"""URLs below ``/api/v1/``."""

from __future__ import annotations

from django.urls import path

from labeling.api import lineage, reviews

urlpatterns = [
    path("queue/claim/", reviews.QueueClaim.as_view(), name="queue-claim"),
    path("queue/<str:claim>/verdict/", reviews.QueueVerdict.as_view(), name="queue-verdict"),
    path("queue/<str:claim>/skip/", reviews.QueueSkip.as_view(), name="queue-skip"),
    path("queue/<str:claim>/alike/", reviews.QueueNearDuplicates.as_view(), name="queue-alike"),
    path("queue/<str:claim>/renew/", reviews.QueueRenew.as_view(), name="queue-renew"),
    path("queue/<str:claim>/release/", reviews.QueueRelease.as_view(), name="queue-release"),
    path("labels/<str:label_id>/undo/", reviews.UndoLabel.as_view(), name="label-undo"),
    path("inspections/<str:inspection_id>/label/", reviews.InspectionLabel.as_view(), name="inspection-label"),
    path(
        "inspections/<str:inspection_id>/lineage/",
        lineage.InspectionLineage.as_view(),
        name="inspection-lineage",
    ),
]
