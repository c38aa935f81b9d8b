"""Project package: settings, URLs, Celery, embedded services, health and dashboard."""

from webapp.celery import app as celery_app

__all__ = ["celery_app"]
