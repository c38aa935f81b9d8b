"""The Celery app. Workers start with ``celery -A webapp``."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")

app = Celery("second-look")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
