"""Texts of costs and policies for people: field titles and values."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from inspection.models import Product

_PRODUCT_FIELDS: dict[str, Any] = {field.name: field for field in Product._meta.fields}


def field_title(name: str) -> str:
    """Return the field's title, or the name of a field that no longer exists."""
    field = _PRODUCT_FIELDS.get(name)
    return str(field.verbose_name) if field else name


def value_text(name: str, value: Any) -> str:
    """Return the text of a field's value."""
    field = _PRODUCT_FIELDS.get(name)
    if value is None or isinstance(value, bool):
        return {None: _("none"), True: _("yes"), False: _("no")}[value]
    return str(dict(field.flatchoices).get(value, value)) if field and field.choices else str(value)
