"""Migrated database: tables as PostgreSQL has them, choices and permissions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.db import connection

from tests.interface.source import own_apps

COLUMNS = """
SELECT c.relname, concat_ws(' ', 'column', a.attname, format_type(a.atttypid, a.atttypmod),
  CASE WHEN a.attnotnull THEN 'not null' END, 'default ' || pg_get_expr(d.adbin, d.adrelid),
  CASE WHEN a.attidentity <> '' THEN 'identity' END, CASE WHEN a.attgenerated <> '' THEN 'generated' END)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
  LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (c.oid, a.attnum)
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
"""
CONSTRAINTS = """
SELECT c.relname, concat_ws(' ', 'constraint', k.conname, pg_get_constraintdef(k.oid))
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE c.relnamespace = 'public'::regnamespace AND k.contype NOT IN ('n', 't')
"""
INDEXES = "SELECT tablename, 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'"
TRIGGERS = """
SELECT c.relname, 'trigger ' || pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = 'public'::regnamespace AND NOT t.tgisinternal
"""
FUNCTIONS = """
SELECT DISTINCT c.relname, concat_ws(' ', 'function', p.proname, p.prosrc)
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
WHERE c.relnamespace = 'public'::regnamespace AND NOT t.tgisinternal
"""


def tables() -> Iterator[str]:
    """Yield each column, constraint, index and trigger of the tables that no other package made."""
    models = apps.get_models(include_auto_created=True)
    others = {model._meta.db_table for model in models if not _is_ours(model)} | {"django_migrations"}
    with connection.cursor() as cursor:
        for query in (COLUMNS, CONSTRAINTS, INDEXES, TRIGGERS, FUNCTIONS):
            cursor.execute(query)
            rows = [(str(table), str(text)) for table, text in cursor.fetchall()]
            yield from (f"{table} {' '.join(text.split())}" for table, text in rows if table not in others)


def choices() -> Iterator[str]:
    """Yield each value that a column with choices may hold."""
    for model in filter(_is_ours, apps.get_models()):
        for field in model._meta.concrete_fields:
            for value, _ in field.flatchoices:
                yield f"{model._meta.db_table}.{field.column} {value!r}"


def permissions() -> Iterator[str]:
    """Yield the names of content types, all permissions, and the permissions of the groups."""
    ours = {config.label for config in own_apps()}
    for permission in Permission.objects.filter(content_type__app_label__in=ours).select_related("content_type"):
        yield f"model {permission.content_type.app_label}.{permission.content_type.model}"
        yield f"permission {_name(permission)}"
    for group in Group.objects.prefetch_related("permissions__content_type"):
        yield from (f"group {group.name}: {_name(permission)}" for permission in group.permissions.all())


def _name(permission: Permission) -> str:
    return f"{permission.content_type.app_label}.{permission.codename}"


def _is_ours(model: type[Any]) -> bool:
    return model._meta.app_config in own_apps()
