"""Addresses of replays, challengers and the record."""

from django.urls import path

from inspection import record_views, replay_views

urlpatterns = [
    path("models/replay-<int:pk>/retry/", replay_views.replay_retry, name="replay-retry"),
    path("models/<slug:model>/holdout/", record_views.holdout, name="model-holdout"),
    path("models/<slug:model>/record/", record_views.record, name="model-record"),
    path("models/<slug:model>/<int:number>/replay/", replay_views.replayed, name="version-replay"),
    path("models/<slug:model>/<int:number>/replay/live/", replay_views.replay_live, name="replay-live"),
    path("models/<slug:model>/<int:number>/replay/start/", replay_views.replay_start, name="replay-start"),
    path("models/<slug:model>/<int:number>/challenger/", replay_views.challenger, name="version-challenger"),
    path("models/<slug:model>/<int:number>/challenger/live/", replay_views.challenger_live, name="challenger-live"),
    path("models/<slug:model>/<int:number>/challenger/start/", replay_views.challenger_start, name="challenger-start"),
    path("models/<slug:model>/<int:number>/challenger/end/", replay_views.challenger_end, name="challenger-end"),
]
