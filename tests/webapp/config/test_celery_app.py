"""Which Celery app a process has."""

from __future__ import annotations

import threading

from celery import current_app
from django.conf import settings


def test_every_thread_of_the_web_process_talks_to_our_broker() -> None:
    # The current app is a thread's own: a thread that gunicorn starts has none, and falls back on the default one.
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(current_app.conf.broker_url))
    thread.start()
    thread.join()
    assert found == [settings.REDIS_URL]
