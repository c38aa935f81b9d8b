"""Costs and policies as people read them: a field's title, and a value in words."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from inspection.models import Product

_FIELDS: dict[str, Any] = {field.name: field for field in Product._meta.fields}


def title(name: str) -> str:
    """The field's title; one that is no more keeps its name on the record."""
    field = _FIELDS.get(name)
    return str(field.verbose_name) if field else name


def value(name: str, said: Any) -> str:
    """What a field was set to, in words."""
    field = _FIELDS.get(name)
    if said is None or isinstance(said, bool):
        return {None: _("none"), True: _("yes"), False: _("no")}[said]
    return str(dict(field.flatchoices).get(said, said)) if field and field.choices else str(said)
