"""The product that a person's pages are about."""

from __future__ import annotations

from django.http import HttpRequest

from inspection.models import Product
from mltasks.web.selection import chosen_model


def chosen_product(request: HttpRequest) -> Product | None:
    """Return the product of the chosen registered model; None while there is no product."""
    model = chosen_model(request)
    found = Product.objects.filter(registered_model=model).select_related("registered_model").first() if model else None
    return found or Product.objects.select_related("registered_model").first()
