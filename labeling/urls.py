"""URLs of review, history, defect types, snapshots and runs."""

from django.urls import path

from labeling.web import comparisons, defect_types, inspections, part_labels, reviewers, snapshots, training, workbench

urlpatterns = [
    path("review/", workbench.workbench, name="review"),
    path("review/next/", workbench.next_part, name="review-next"),
    path("review/held/", workbench.renew_claims, name="review-held"),
    path("review/release/", workbench.release, name="review-release"),
    path("review/alike/", workbench.near_duplicates, name="review-alike"),
    path("review/undo/", workbench.undo, name="review-undo"),
    path("review/references/<uuid:inspection>/", inspections.references, name="review-references"),
    path("review/plain/", workbench.plain_form, name="review-plain"),
    path("defect-types/", defect_types.gallery, name="defect-types"),
    path("defect-types/<int:key>/", defect_types.change, name="defect-type"),
    path("defect-types/<int:key>/examples/", defect_types.edit_example, name="defect-type-examples"),
    path("defect-types/<int:key>/merge/", defect_types.merge, name="defect-type-merge"),
    path("defect-types/<slug:product>/add/", defect_types.add, name="defect-type-add"),
    path("reviewers/", reviewers.reviewers, name="reviewers"),
    path("inspections/", inspections.inspections, name="history"),
    path("inspections/<uuid:key>/", inspections.inspection, name="part"),
    path("inspections/<uuid:key>/correct/", part_labels.correct, name="part-correct"),
    path("inspections/<uuid:key>/mask/", part_labels.mask, name="part-mask"),
    path("inspections/<uuid:key>/score/", inspections.score, name="part-score"),
    path("inspections/<uuid:key>/undo/", part_labels.undo, name="part-undo"),
    path("models/<slug:model>/snapshot-<int:number>/", snapshots.show_snapshot, name="snapshot"),
    path(
        "models/<slug:model>/snapshot-<int:number>/manifest.<slug:form>",
        snapshots.manifest,
        name="snapshot-manifest",
    ),
    path("models/<slug:product>/compare/", comparisons.compare, name="compare"),
    path("models/<slug:product>/retrain/", training.retrain, name="retrain"),
    path("models/<slug:product>/pretrain/", training.pretrain, name="pretrain"),
]
