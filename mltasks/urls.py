"""URLs of the pages of models, versions and runs."""

from django.urls import path

from mltasks.web import exchange, runs, verifications, versions

urlpatterns = [
    path("models/", versions.version_list, name="models"),
    path("models/run-<int:pk>/", runs.run, name="run"),
    path("models/run-<int:pk>/live/", runs.run_live, name="run-live"),
    path("models/run-<int:pk>/retry/", runs.run_retry, name="run-retry"),
    path("models/backbone-<int:pk>/", runs.pretraining_run, name="backbone"),
    path("models/backbone-<int:pk>/live/", runs.pretraining_run_live, name="backbone-live"),
    path("models/backbone-<int:pk>/retry/", runs.pretraining_run_retry, name="backbone-retry"),
    path("models/plant-key.pem", exchange.plant_key, name="plant-key"),
    path("models/<slug:model>/import/", exchange.import_version, name="version-import"),
    path("models/<slug:model>/<int:number>/export/", exchange.export_version, name="version-export"),
    path("models/<slug:model>/rows/", versions.version_list_live, name="model-rows"),
    path("models/<slug:model>/<int:number>/", versions.version, name="version"),
    path("models/<slug:model>/<int:number>/card/", versions.card, name="model-card"),
    path("models/<slug:model>/<int:number>/promote/", versions.promote, name="version-promotion"),
    path("models/<slug:model>/<int:number>/approve/", versions.approve, name="version-approval"),
    path("models/<slug:model>/<int:number>/verify/", verifications.verify, name="verification-start"),
    path("models/<slug:model>/<int:number>/verify/live/", verifications.verification_live, name="verification-live"),
    path("models/<slug:model>/<int:number>/roll-back/", versions.roll_back, name="version-roll-back"),
]
