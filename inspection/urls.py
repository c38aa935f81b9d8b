"""Page addresses of replays, challengers and the audit log."""

from django.urls import path

from inspection.web import audit_log, challengers, replays

urlpatterns = [
    path("models/replay-<int:pk>/retry/", replays.replay_retry, name="replay-retry"),
    path("models/<slug:model>/holdout/", audit_log.holdout_page, name="model-holdout"),
    path("models/<slug:model>/record/", audit_log.audit_log_page, name="model-record"),
    path("models/<slug:model>/<int:number>/replay/", replays.replay_page, name="version-replay"),
    path("models/<slug:model>/<int:number>/replay/live/", replays.replay_live, name="replay-live"),
    path("models/<slug:model>/<int:number>/replay/start/", replays.replay_start, name="replay-start"),
    path("models/<slug:model>/<int:number>/challenger/", challengers.challenger, name="version-challenger"),
    path("models/<slug:model>/<int:number>/challenger/live/", challengers.challenger_live, name="challenger-live"),
    path("models/<slug:model>/<int:number>/challenger/start/", challengers.challenger_start, name="challenger-start"),
    path("models/<slug:model>/<int:number>/challenger/end/", challengers.challenger_end, name="challenger-end"),
]
