"""Costs and policies as people read them: a field's title, and a value in words."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from inspection.models import Product

_PRODUCT_FIELDS: dict[str, Any] = {field.name: field for field in Product._meta.fields}


def field_title(name: str) -> str:
    """The field's title; one that is no more keeps its name on the record."""
    field = _PRODUCT_FIELDS.get(name)
    return str(field.verbose_name) if field else name


def value_text(name: str, value: Any) -> str:
    """What a field was set to, in words."""
    field = _PRODUCT_FIELDS.get(name)
    if value is None or isinstance(value, bool):
        return {None: _("none"), True: _("yes"), False: _("no")}[value]
    return str(dict(field.flatchoices).get(value, value)) if field and field.choices else str(value)
