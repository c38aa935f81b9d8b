"""ASGI application that the web server runs: complete requests, answered in threads.

Stations' images have a route of their own; Django answers all else.
"""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")

from django.conf import settings

from webapp.wsgi import application as django_application

MAX_BODY_BYTES = max(settings.MAX_BATCH_BYTES, settings.MAX_VERSION_BYTES) + settings.DATA_UPLOAD_MAX_MEMORY_SIZE

from webapp.server.http_entry import HttpEntry  # noqa: E402 (Django is set up only now)
from webapp.server.station_route import station_answer  # noqa: E402

application = HttpEntry(
    django_application,
    threads=settings.WEB_THREADS,
    max_body_bytes=MAX_BODY_BYTES,
    trusted_proxies=settings.FORWARDED_ALLOW_IPS,
    station_post=station_answer,
)
