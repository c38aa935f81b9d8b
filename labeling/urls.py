"""Addresses of the review, the history and the retraining."""

from django.urls import path

from labeling import reference_views, review_views, views

urlpatterns = [
    path("review/", review_views.workbench, name="review"),
    path("review/next/", review_views.next_part, name="review-next"),
    path("review/held/", review_views.held, name="review-held"),
    path("review/release/", review_views.release, name="review-release"),
    path("review/undo/", review_views.undo, name="review-undo"),
    path("review/references/<uuid:inspection>/", reference_views.references, name="review-references"),
    path("review/plain/", review_views.plain, name="review-plain"),
    path("inspections/", views.inspections, name="history"),
    path("inspections/<uuid:key>/", views.inspection, name="part"),
    path("inspections/<uuid:key>/correct/", views.correct, name="part-correct"),
    path("inspections/<uuid:key>/undo/", views.undo, name="part-undo"),
    path("models/<slug:product>/retrain/", views.retrain, name="retrain"),
    path("models/<slug:product>/pretrain/", views.pretrain, name="pretrain"),
]
