"""Addresses of what is learned."""

from django.urls import path

from mltasks import backbone_views, card_views, exchange_views, rollback_views, verifying_views, views

urlpatterns = [
    path("models/", views.models, name="models"),
    path("models/run-<int:pk>/", views.run, name="run"),
    path("models/run-<int:pk>/live/", views.run_live, name="run-live"),
    path("models/run-<int:pk>/retry/", views.retry, name="run-retry"),
    path("models/backbone-<int:pk>/", backbone_views.backbone, name="backbone"),
    path("models/backbone-<int:pk>/live/", backbone_views.backbone_live, name="backbone-live"),
    path("models/backbone-<int:pk>/retry/", backbone_views.backbone_retry, name="backbone-retry"),
    path("models/plant-key.pem", exchange_views.plant_key, name="plant-key"),
    path("models/<slug:model>/import/", exchange_views.import_version, name="version-import"),
    path("models/<slug:model>/<int:number>/export/", exchange_views.export_version, name="version-export"),
    path("models/<slug:model>/rows/", views.rows, name="model-rows"),
    path("models/<slug:model>/<int:number>/", views.version, name="version"),
    path("models/<slug:model>/<int:number>/card/", card_views.card, name="model-card"),
    path("models/<slug:model>/<int:number>/promote/", views.promote, name="version-promotion"),
    path("models/<slug:model>/<int:number>/approve/", views.approve, name="version-approval"),
    path("models/<slug:model>/<int:number>/verify/", verifying_views.verify, name="verification-start"),
    path("models/<slug:model>/<int:number>/verify/live/", verifying_views.verification_live, name="verification-live"),
    path("models/<slug:model>/<int:number>/roll-back/", rollback_views.roll_back, name="version-roll-back"),
]
