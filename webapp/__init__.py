"""The roof: settings, urls, celery, embedded services, health and the dashboard."""

from webapp.celery import app as celery_app

__all__ = ["celery_app"]
