"""ASGI application that the web server runs: complete requests, answered by Django in threads."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")

from django.conf import settings

from webapp.server.http_entry import HttpEntry
from webapp.wsgi import application as django_application

application = HttpEntry(
    django_application,
    threads=settings.WEB_THREADS,
    max_body_bytes=max(settings.MAX_BATCH_BYTES, settings.MAX_VERSION_BYTES) + settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
    trusted_proxies=settings.FORWARDED_ALLOW_IPS,
)
