"""Time for the pictures' plant: what took a fortnight is told in minutes, by moving into the past what has happened."""

from __future__ import annotations

from datetime import timedelta

from django.apps import apps
from django.db import connection, transaction
from django.db.models import DateTimeField, F

_OURS = ("mltasks", "inspection", "labeling")


def move_into_past(**time: float) -> None:
    """Move all that has happened so far back by a ``timedelta(**time)``."""
    span = timedelta(**time)
    with transaction.atomic(), connection.cursor() as cursor:
        # History can't be rewritten otherwise: its triggers refuse it.
        cursor.execute("SET LOCAL session_replication_role = replica")
        for label in _OURS:
            for model in apps.get_app_config(label).get_models():
                moments = [field.name for field in model._meta.fields if isinstance(field, DateTimeField)]
                if moments:
                    model._base_manager.update(**{name: F(name) - span for name in moments})
