"""Addresses of the review, the history and the retraining."""

from django.urls import path

from labeling import (
    comparison_views,
    reference_views,
    review_views,
    reviewer_views,
    snapshot_views,
    type_views,
    views,
)

urlpatterns = [
    path("review/", review_views.workbench, name="review"),
    path("review/next/", review_views.next_part, name="review-next"),
    path("review/held/", review_views.held, name="review-held"),
    path("review/release/", review_views.release, name="review-release"),
    path("review/alike/", review_views.alike, name="review-alike"),
    path("review/undo/", review_views.undo, name="review-undo"),
    path("review/references/<uuid:inspection>/", reference_views.references, name="review-references"),
    path("review/plain/", review_views.plain, name="review-plain"),
    path("defect-types/", type_views.guide, name="defect-types"),
    path("defect-types/<int:key>/", type_views.change, name="defect-type"),
    path("defect-types/<int:key>/examples/", type_views.example, name="defect-type-examples"),
    path("defect-types/<int:key>/merge/", type_views.merge, name="defect-type-merge"),
    path("defect-types/<slug:product>/add/", type_views.add, name="defect-type-add"),
    path("reviewers/", reviewer_views.reviewers, name="reviewers"),
    path("inspections/", views.inspections, name="history"),
    path("inspections/<uuid:key>/", views.inspection, name="part"),
    path("inspections/<uuid:key>/correct/", views.correct, name="part-correct"),
    path("inspections/<uuid:key>/score/", views.score, name="part-score"),
    path("inspections/<uuid:key>/undo/", views.undo, name="part-undo"),
    path("models/<slug:model>/snapshot-<int:number>/", snapshot_views.snapshot, name="snapshot"),
    path(
        "models/<slug:model>/snapshot-<int:number>/manifest.<slug:form>",
        snapshot_views.manifest,
        name="snapshot-manifest",
    ),
    path("models/<slug:product>/compare/", comparison_views.compare, name="compare"),
    path("models/<slug:product>/retrain/", views.retrain, name="retrain"),
    path("models/<slug:product>/pretrain/", views.pretrain, name="pretrain"),
]
