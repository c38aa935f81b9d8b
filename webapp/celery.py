"""Celery app; workers start with ``celery -A webapp worker``."""

import os
import signal

from celery import Celery
from celery.signals import worker_process_init

from webapp.supervisor.parent_death import set_parent_death_signal

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")

app = Celery("second-look")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_process_init.connect
def tie_pool_process_to_worker(**kwargs: object) -> None:
    """End a pool process when its worker is killed; otherwise it would do work a second time."""
    set_parent_death_signal(signal.SIGKILL)
