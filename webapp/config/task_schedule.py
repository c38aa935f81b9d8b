"""Celery's queues and beat schedule: which task runs in which queue, and how often."""

from __future__ import annotations

from celery.schedules import crontab

TASK_ROUTES = {
    "mltasks.tasks.*": {"queue": "training"},
    "inspection.tasks.execute_replay": {"queue": "replay"},
    "inspection.tasks.score_deferred": {"queue": "replay"},
    "inspection.tasks.shadow": {"queue": "replay"},
    "labeling.tasks.make_comparable": {"queue": "replay"},
    "inspection.tasks.learn_fast_paths": {"queue": "training"},
}
BEAT_SCHEDULE = {
    "score-what-a-crash-left": {"task": "inspection.tasks.sweep", "schedule": 15.0, "options": {"expires": 15}},
    "score-answered-parts": {"task": "inspection.tasks.score_deferred", "schedule": 5.0, "options": {"expires": 5}},
    "check-fast-paths": {"task": "inspection.tasks.check_fast_paths", "schedule": 60.0, "options": {"expires": 60}},
    "learn-fast-paths": {
        "task": "inspection.tasks.learn_fast_paths",
        "schedule": crontab(hour="4", minute="0"),  # after the nightly training, local time
        "options": {"expires": 72_000},  # may wait for trainings
    },
    "count-part-ids": {"task": "inspection.tasks.count_part_ids", "schedule": 3600.0, "options": {"expires": 3600}},
    "order-the-queues": {"task": "inspection.tasks.order_queue", "schedule": 15.0, "options": {"expires": 15}},
    "score-by-challengers": {"task": "inspection.tasks.shadow", "schedule": 5.0, "options": {"expires": 5}},
    "look-at-candidates": {"task": "inspection.tasks.look_at_candidates", "schedule": 15.0, "options": {"expires": 15}},
    "make-parts-comparable": {
        "task": "labeling.tasks.make_comparable",
        "schedule": 15.0,
        "options": {"expires": 120},  # may wait for a minute of deferred scoring
    },
    "resume-training-runs": {"task": "labeling.tasks.sweep_runs", "schedule": 15.0, "options": {"expires": 15}},
    "prune-at-night": {
        "task": "labeling.tasks.prune",
        "schedule": crontab(hour="1-5"),  # each minute, local time
        "options": {"expires": 60},
    },
    "retrain-nightly": {"task": "labeling.tasks.nightly", "schedule": 60.0, "options": {"expires": 60}},
}
